#include "adapters/asio/proxy_header.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <string>

namespace parley::asio {

namespace {

constexpr std::string_view kLineBegins = "PROXY ";
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

constexpr std::size_t kFixedBytes = 16;  // of version 2: signature, command, family, length
constexpr std::uint8_t kLocal = 0x20;    // version 2, LOCAL
constexpr std::uint8_t kProxy = 0x21;    // version 2, PROXY
constexpr std::uint8_t kUnspecified = 0x00;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::uint8_t kUnixStream = 0x31;
constexpr std::size_t kTcp4Bytes = 12;  // two addresses and two ports
constexpr std::size_t kTcp6Bytes = 36;

// The next word of a line whose words have one space between them.
std::string_view next_word(std::string_view& line) {
    const auto space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    line = space == std::string_view::npos ? std::string_view{} : line.substr(space + 1);
    return word;
}

bool is_port(std::string_view word) {
    unsigned port = 0;
    const auto [stopped, error] = std::from_chars(word.data(), word.data() + word.size(), port);
    return error == std::errc() && stopped == word.data() + word.size() && port <= 65535 &&
           word.size() <= 5;
}

std::optional<IpAddress> address(std::string_view word, bool is_v4) {
    // inet_pton stops at a zero byte, and a word may hold one.
    if (word.find('\0') != std::string_view::npos ||
        (word.find(':') == std::string_view::npos) != is_v4) {
        return std::nullopt;
    }
    return IpAddress::parse(std::string(word));
}

}  // namespace

bool ProxyHeader::recognizes(BytesView first_bytes) {
    const std::string_view text = as_text(first_bytes);
    return text.starts_with(kLineBegins) || text.starts_with(kSignature);
}

std::size_t ProxyHeader::feed(BytesView bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ == State::incomplete) {
        take(static_cast<std::uint8_t>(bytes[used++]));
    }
    return used;
}

void ProxyHeader::fail(std::string_view what) {
    state_ = State::failed;
    what_ = what;
}

void ProxyHeader::take(std::uint8_t byte) {
    if (size_ < kept_.size()) {
        kept_[size_] = byte;
    }
    ++size_;
    if (version_ == 0) {
        judge_beginning();
    } else if (version_ == 1) {
        if (byte == '\n') {
            take_line();
        } else if (size_ == kLongestLine) {
            fail("a PROXY line longer than 107 bytes");
        }
    } else if (size_ == kFixedBytes) {
        take_lengths();
    }
    if (state_ == State::incomplete && total_ != 0 && size_ == total_) {
        take_addresses();
    }
}

void ProxyHeader::judge_beginning() {
    const std::string_view seen(reinterpret_cast<const char*>(kept_.data()), size_);
    if (seen == kLineBegins) {
        version_ = 1;
    } else if (seen == kSignature) {
        version_ = 2;
    } else if (!kLineBegins.starts_with(seen) && !kSignature.starts_with(seen)) {
        fail("no PROXY header");
    }
}

void ProxyHeader::take_line() {
    std::string_view line(reinterpret_cast<const char*>(kept_.data()), size_);
    if (!line.ends_with("\r\n")) {
        return fail("a PROXY line that does not end with CR LF");
    }
    line.remove_prefix(kLineBegins.size());
    line.remove_suffix(2);
    const std::string_view family = next_word(line);
    if (family == "UNKNOWN") {
        state_ = State::complete;
        return;
    }
    if (family != "TCP4" && family != "TCP6") {
        return fail("a PROXY line of an unknown family");
    }
    const bool is_v4 = family == "TCP4";
    const auto source = address(next_word(line), is_v4);
    const auto destination = address(next_word(line), is_v4);
    const bool has_ports = is_port(next_word(line)) && is_port(next_word(line));
    if (!source || !destination || !has_ports || !line.empty()) {
        return fail("a PROXY line that is not TCP4|TCP6 SOURCE DESTINATION PORT PORT");
    }
    source_ = source;
    state_ = State::complete;
}

void ProxyHeader::take_lengths() {
    const std::uint8_t command = kept_[12];
    const std::uint8_t family = kept_[13];
    const std::size_t length = std::size_t{kept_[14]} << 8 | kept_[15];
    if (command != kLocal && command != kProxy) {
        return fail("a PROXY header of an unknown version or command");
    }
    if (command == kProxy) {
        const bool is_known =
            family == kUnspecified || family == kTcp4 || family == kTcp6 || family == kUnixStream;
        if (!is_known) {
            return fail("a PROXY header of an unknown family");
        }
        if ((family == kTcp4 && length < kTcp4Bytes) || (family == kTcp6 && length < kTcp6Bytes)) {
            return fail("a PROXY header too short for its addresses");
        }
    }
    total_ = kFixedBytes + length;
}

void ProxyHeader::take_addresses() {
    state_ = State::complete;
    if (kept_[12] != kProxy) {
        return;
    }
    const std::span<const std::uint8_t> source(kept_.data() + kFixedBytes, 16);
    if (kept_[13] == kTcp4) {
        source_ = IpAddress::v4(source.first<4>());
    } else if (kept_[13] == kTcp6) {
        source_ = IpAddress::v6(source.first<16>());
    }
}

}  // namespace parley::asio
