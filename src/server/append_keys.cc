#include "server/append_keys.h"

#include "base/crypto.h"

#include <algorithm>
#include <string>
#include <vector>

namespace parley::server {
namespace {

enum class Kind : char { incoming = 1, sent = 2, delivered = 3 };

void add_field(std::string& bytes, const std::string& field) {
    const auto size = static_cast<std::uint32_t>(field.size());
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>(size >> shift));
    }
    bytes += field;
}

std::string start_key(Kind kind, const UserId& sender, const ChainKey& chain) {
    std::string bytes;
    bytes.reserve(sender.value().size() + chain.value().size() + 64);
    bytes.push_back(static_cast<char>(kind));
    add_field(bytes, sender.value());
    add_field(bytes, chain.value());
    return bytes;
}

mailbox::AppendKey cut(const std::string& bytes) {
    const Sha256Digest digest = sha256(bytes);
    mailbox::AppendKey key{};
    std::copy_n(digest.begin(), key.size(), key.begin());
    return key;
}

mailbox::AppendKey key_for_one(Kind kind, const UserId& sender, const ChainKey& chain,
                               const UserId& recipient) {
    std::string bytes = start_key(kind, sender, chain);
    add_field(bytes, recipient.value());
    return cut(bytes);
}

}  // namespace

mailbox::AppendKey incoming_key(const UserId& sender, const ChainKey& chain,
                                const UserId& recipient) {
    return key_for_one(Kind::incoming, sender, chain, recipient);
}

mailbox::AppendKey delivered_key(const UserId& sender, const ChainKey& chain,
                                 const UserId& recipient) {
    return key_for_one(Kind::delivered, sender, chain, recipient);
}

mailbox::AppendKey sent_key(const UserId& sender, const ChainKey& chain,
                            std::span<const UserId> accepted) {
    std::vector<const UserId*> sorted;
    sorted.reserve(accepted.size());
    for (const UserId& recipient : accepted) {
        sorted.push_back(&recipient);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const UserId* a, const UserId* b) { return *a < *b; });
    std::string bytes = start_key(Kind::sent, sender, chain);
    for (const UserId* recipient : sorted) {
        add_field(bytes, recipient->value());
    }
    return cut(bytes);
}

}  // namespace parley::server
