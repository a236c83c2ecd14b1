#include "server/append_keys.h"

#include <algorithm>
#include <vector>

namespace parley::server {

mailbox::AppendKey AppendKeys::incoming(const UserId& sender, const ChainKey& chain,
                                        const UserId& recipient) {
    start(Kind::incoming, sender.value(), chain.value());
    add(recipient.value());
    return cut();
}

mailbox::AppendKey AppendKeys::delivered(std::string_view sender, std::string_view chain,
                                         const UserId& recipient) {
    start(Kind::delivered, sender, chain);
    add(recipient.value());
    return cut();
}

mailbox::AppendKey AppendKeys::sent(const UserId& sender, const ChainKey& chain,
                                    std::span<const UserId> accepted) {
    start(Kind::sent, sender.value(), chain.value());
    if (accepted.size() == 1) {
        add(accepted.front().value());
        return cut();
    }
    std::vector<const UserId*> sorted;
    sorted.reserve(accepted.size());
    for (const UserId& recipient : accepted) {
        sorted.push_back(&recipient);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const UserId* a, const UserId* b) { return *a < *b; });
    for (const UserId* recipient : sorted) {
        add(recipient->value());
    }
    return cut();
}

void AppendKeys::start(Kind kind, std::string_view sender, std::string_view chain) {
    constexpr std::size_t kUsual = 256;
    bytes_.reserve(kUsual);
    bytes_.assign(1, static_cast<char>(kind));
    add(sender);
    add(chain);
}

void AppendKeys::add(std::string_view field) {
    const auto size = static_cast<std::uint32_t>(field.size());
    const char head[] = {static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                         static_cast<char>(size >> 8), static_cast<char>(size)};
    bytes_.append(head, sizeof head).append(field);
}

mailbox::AppendKey AppendKeys::cut() {
    const Sha256Digest digest = hash_(bytes_);
    mailbox::AppendKey key{};
    std::copy_n(digest.begin(), key.size(), key.begin());
    return key;
}

}  // namespace parley::server
