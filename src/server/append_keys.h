#pragma once

#include "base/crypto.h"
#include "base/ids.h"
#include "mailbox/store.h"

#include <span>
#include <string>
#include <string_view>

// The keys under which the server appends (spec/wire.md, "Keys of appends"): SHA-256, cut to 128
// bits, over one byte for the kind (1 incoming, 2 sent, 3 delivered), then sender, idempotency key
// and recipients, each as its length in four bytes, big endian, and its bytes. They are forever: a
// changed encoding would let through what was accepted before.
namespace parley::server {

// Makes keys, one after the other: it keeps the memory that this takes.
class AppendKeys {
  public:
    mailbox::AppendKey incoming(const UserId& sender, const ChainKey& chain,
                                const UserId& recipient);
    mailbox::AppendKey delivered(std::string_view sender, std::string_view chain,
                                 const UserId& recipient);
    // The order of `accepted` does not matter.
    mailbox::AppendKey sent(const UserId& sender, const ChainKey& chain,
                            std::span<const UserId> accepted);

  private:
    enum class Kind : char { incoming = 1, sent = 2, delivered = 3 };

    void start(Kind kind, std::string_view sender, std::string_view chain);
    void add(std::string_view field);
    mailbox::AppendKey cut();

    Sha256 hash_;
    std::string bytes_;
};

}  // namespace parley::server
