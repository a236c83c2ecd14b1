#include "adapters/asio/url.h"

#include "base/try.h"
#include "io/dialer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <charconv>
#include <optional>
#include <string_view>

namespace parley::asio {

namespace {

constexpr std::size_t kMaxHostBytes = 253;

unexpected wrong(const std::string& url, const std::string& what) {
    return unexpected(make_error(ErrorCode::invalid_argument,
                                 "server URL \"" + url + "\": " + what +
                                     " (the form is ws://HOST[:PORT] or wss://HOST[:PORT])"));
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c + ('a' - 'A'));
        }
    }
    return result;
}

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value == 0 || value > 65535) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(value);
}

// Splits "HOST[:PORT]" or "[IPV6][:PORT]"; the port without its colon may be absent.
struct Authority {
    std::string_view host;
    std::optional<std::string_view> port;
    bool bracketed = false;
};

std::optional<Authority> split(std::string_view text) {
    Authority parts;
    std::string_view behind;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        parts.bracketed = true;
        parts.host = text.substr(1, end - 1);
        behind = text.substr(end + 1);
    } else {
        const std::size_t colon = std::min(text.find(':'), text.size());
        parts.host = text.substr(0, colon);
        behind = text.substr(colon);
    }
    if (behind.empty()) {
        return parts;
    }
    if (behind.front() != ':') {
        return std::nullopt;
    }
    parts.port = behind.substr(1);
    return parts;
}

}  // namespace

Result<ServerUrl> parse_url(const std::string& url) {
    std::string_view rest = url;
    const std::size_t scheme_end = rest.find("://");
    if (scheme_end == std::string_view::npos) {
        return wrong(url, "it has no scheme");
    }
    ServerUrl parsed;
    const std::string scheme = lower(rest.substr(0, scheme_end));
    if (scheme != "ws" && scheme != "wss") {
        return wrong(url, "the scheme " + scheme + " is not spoken");
    }
    parsed.tls = scheme == "wss";
    rest.remove_prefix(scheme_end + 3);
    if (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    if (rest.find_first_of("/?#@") != std::string_view::npos) {
        return wrong(url, "it must end after the port, without path, query or user");
    }
    const auto parts = split(rest);
    if (!parts) {
        return wrong(url, "the brackets do not hold an IPv6 address");
    }
    parsed.host = parts->host;
    in6_addr ignored{};
    if (parts->bracketed) {
        // What stands behind a zero byte inet_pton does not see, and it would go into a header.
        if (parsed.host.find('\0') != std::string::npos ||
            inet_pton(AF_INET6, parsed.host.c_str(), &ignored) != 1) {
            return wrong(url, "the brackets do not hold an IPv6 address");
        }
    } else if (parsed.host.empty() || parsed.host.size() > kMaxHostBytes) {
        return wrong(url, parsed.host.empty() ? "it names no host" : "its host is too long");
    }
    for (const char c : parsed.host) {
        if (!parts->bracketed && !is_host_character(c)) {
            return wrong(url, "its host holds a character that no host name has");
        }
    }
    parsed.port = parsed.tls ? 443 : 80;
    if (parts->port) {
        const auto port = parse_port(*parts->port);
        if (!port) {
            return wrong(url, "its port is not a number from 1 to 65535");
        }
        parsed.port = *port;
    }
    parsed.authority = std::string(rest);
    return parsed;
}

}  // namespace parley::asio

namespace parley::io {

Result<void> check_url(const std::string& url) {
    PARLEY_CHECK(asio::parse_url(url));
    return {};
}

}  // namespace parley::io
