#include "adapters/sqlite/packing.h"

#include <cstdint>
#include <optional>
#include <utility>

namespace parley::sqlite {
namespace {

void put(std::string& to, std::string_view item) {
    const auto size = static_cast<std::uint32_t>(item.size());
    for (int shift = 0; shift < 32; shift += 8) {
        to.push_back(static_cast<char>(size >> shift & 0xff));
    }
    to.append(item);
}

std::optional<std::string_view> take(std::string_view& from) {
    if (from.size() < 4) {
        return std::nullopt;
    }
    std::size_t size = 0;
    for (int i = 3; i >= 0; --i) {
        size = size << 8 | static_cast<unsigned char>(from[static_cast<std::size_t>(i)]);
    }
    if (from.size() - 4 < size) {
        return std::nullopt;
    }
    const std::string_view item = from.substr(4, size);
    from.remove_prefix(4 + size);
    return item;
}

}  // namespace

std::string pack(const std::vector<UserId>& users) {
    std::string packed;
    for (const UserId& user : users) {
        put(packed, user.value());
    }
    return packed;
}

std::string pack(const std::map<std::string, std::string>& headers) {
    std::string packed;
    for (const auto& [key, value] : headers) {
        put(packed, key);
        put(packed, value);
    }
    return packed;
}

std::string pack(const std::vector<client::RecipientFailure>& failures) {
    std::string packed;
    for (const client::RecipientFailure& failure : failures) {
        put(packed, failure.recipient.value());
        put(packed, to_string(failure.error.domain));
        put(packed, std::to_string(static_cast<int>(failure.error.code)));
        put(packed, failure.error.description);
    }
    return packed;
}

std::vector<UserId> unpack_users(std::string_view packed) {
    std::vector<UserId> users;
    while (const auto user = take(packed)) {
        users.emplace_back(std::string(*user));
    }
    return users;
}

std::map<std::string, std::string> unpack_headers(std::string_view packed) {
    std::map<std::string, std::string> headers;
    while (const auto key = take(packed)) {
        const auto value = take(packed);
        if (!value) {
            break;
        }
        headers.emplace(*key, *value);
    }
    return headers;
}

std::vector<client::RecipientFailure> unpack_failures(std::string_view packed) {
    constexpr ErrorDomain kDomains[] = {ErrorDomain::network, ErrorDomain::capability,
                                        ErrorDomain::session, ErrorDomain::other};
    std::vector<client::RecipientFailure> failures;
    while (const auto recipient = take(packed)) {
        const auto domain = take(packed);
        const auto code = take(packed);
        const auto description = take(packed);
        if (!domain || !code || !description) {
            break;
        }
        int number = 0;
        for (const char digit : *code) {
            number = digit >= '0' && digit <= '9' && number < 100'000 ? number * 10 + (digit - '0')
                                                                      : number;
        }
        Error error{ErrorDomain::other, static_cast<ErrorCode>(number), std::string(*description),
                    false};
        for (const ErrorDomain known : kDomains) {
            if (to_string(known) == *domain) {
                error.domain = known;
            }
        }
        failures.push_back({UserId(std::string(*recipient)), std::move(error)});
    }
    return failures;
}

}  // namespace parley::sqlite
