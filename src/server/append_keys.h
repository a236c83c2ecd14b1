#pragma once

#include "base/ids.h"
#include "mailbox/store.h"

#include <span>

// The keys under which the server appends (spec/wire.md, "Keys of appends"): SHA-256, cut to 128
// bits, over one byte for the kind (1 incoming, 2 sent, 3 delivered), then sender, idempotency key
// and recipients, each as its length in four bytes, big endian, and its bytes. They are forever: a
// changed encoding would let through what was accepted before.
namespace parley::server {

mailbox::AppendKey incoming_key(const UserId& sender, const ChainKey& chain,
                                const UserId& recipient);
mailbox::AppendKey delivered_key(const UserId& sender, const ChainKey& chain,
                                 const UserId& recipient);
// The order of `accepted` does not matter.
mailbox::AppendKey sent_key(const UserId& sender, const ChainKey& chain,
                            std::span<const UserId> accepted);

}  // namespace parley::server
