#include "wire/websocket/handshake.h"

#include "base/crypto.h"

#include <algorithm>
#include <array>
#include <optional>

namespace parley::websocket {

namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view kVersion = "13";
constexpr std::size_t kShownBytes = 120;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

// Takes the next comma separated element off `list`.
std::string_view next_element(std::string_view& list) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    return element;
}

std::string printable(std::string_view text) {
    std::string shown(text.substr(0, kShownBytes));
    for (char& c : shown) {
        if (c < ' ' || c > '~') {
            c = '?';
        }
    }
    if (text.size() > kShownBytes) {
        shown += "...";
    }
    return shown;
}

// The fields of an answer that the handshake looks at; repeated ones are joined.
struct AnswerFields {
    std::string upgrade;
    std::string connection;
    std::string accept;
    std::optional<std::string> subprotocol;
    bool extensions = false;
};

void join(std::string& list, std::string_view value) {
    if (!list.empty()) {
        list += ',';
    }
    list += value;
}

// False if a line is not "name: value".
bool read_fields(std::string_view lines, AnswerFields& fields) {
    while (!lines.empty()) {
        const std::size_t end = lines.find("\r\n");
        const std::string_view line = lines.substr(0, end);
        lines = end == std::string_view::npos ? std::string_view() : lines.substr(end + 2);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) {
            return false;
        }
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = trim(line.substr(colon + 1));
        if (equal_ignoring_case(name, "Upgrade")) {
            join(fields.upgrade, value);
        } else if (equal_ignoring_case(name, "Connection")) {
            join(fields.connection, value);
        } else if (equal_ignoring_case(name, "Sec-WebSocket-Accept")) {
            join(fields.accept, value);
        } else if (equal_ignoring_case(name, "Sec-WebSocket-Protocol")) {
            join(fields.subprotocol.emplace(fields.subprotocol.value_or("")), value);
        } else if (equal_ignoring_case(name, "Sec-WebSocket-Extensions")) {
            fields.extensions = fields.extensions || !value.empty();
        }
    }
    return true;
}

// "HTTP/1.1 101 Switching Protocols" -> 101.
std::optional<int> status_of(std::string_view line) {
    const bool has_form = line.size() >= 12 && line.starts_with("HTTP/1.") && line[8] == ' ' &&
                          (line.size() == 12 || line[12] == ' ');
    if (!has_form) {
        return std::nullopt;
    }
    int status = 0;
    for (const char c : line.substr(9, 3)) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        status = status * 10 + (c - '0');
    }
    return status;
}

bool starts_like_http(std::string_view received) {
    constexpr std::string_view prefix = "HTTP/1.";
    const std::size_t common = std::min(received.size(), prefix.size());
    return received.substr(0, common) == prefix.substr(0, common);
}

}  // namespace

std::string make_upgrade_request(const UpgradeRequest& request) {
    std::string text;
    text += "GET " + request.target + " HTTP/1.1\r\n";
    text += "Host: " + request.host + "\r\n";
    text += "Upgrade: websocket\r\n";
    text += "Connection: Upgrade\r\n";
    text += "Sec-WebSocket-Key: " + request.key + "\r\n";
    text += "Sec-WebSocket-Version: " + std::string(kVersion) + "\r\n";
    text += "Sec-WebSocket-Protocol: " + request.subprotocol + "\r\n";
    text += "\r\n";
    return text;
}

UpgradeCheck check_upgrade_response(std::string_view received, const UpgradeRequest& request) {
    using Outcome = UpgradeCheck::Outcome;
    UpgradeCheck check;
    const std::size_t head_end = received.find("\r\n\r\n");
    const std::size_t line_end = received.find("\r\n");
    check.status_line = printable(received.substr(0, std::min(line_end, received.size())));
    if (!starts_like_http(received)) {
        check.outcome = Outcome::not_http;
        return check;
    }
    if (head_end == std::string_view::npos || head_end + 4 > kMaxUpgradeAnswerBytes) {
        const bool too_long = received.size() >= kMaxUpgradeAnswerBytes;
        check.outcome = too_long ? Outcome::not_http : Outcome::incomplete;
        return check;
    }
    check.head_bytes = head_end + 4;
    const std::string_view head = received.substr(0, head_end);
    const std::optional<int> status = status_of(head.substr(0, line_end));
    AnswerFields fields;
    const std::string_view lines =
        line_end == head_end ? std::string_view() : head.substr(line_end + 2);
    if (!status || !read_fields(lines, fields)) {
        check.outcome = Outcome::not_http;
        return check;
    }
    check.status = *status;
    if (*status != 101) {
        check.outcome = Outcome::refused;
    } else if (!equal_ignoring_case(fields.upgrade, "websocket") ||
               !has_token(fields.connection, "upgrade") ||
               fields.accept != accept_for(request.key) || fields.extensions) {
        check.outcome = Outcome::not_websocket;
    } else if (fields.subprotocol != request.subprotocol) {
        check.outcome = Outcome::wrong_subprotocol;
    } else {
        check.outcome = Outcome::upgraded;
    }
    return check;
}

bool is_upgrade(const UpgradeOffer& offer) {
    return has_token(offer.upgrade, "websocket");
}

UpgradeAnswer answer_upgrade(const UpgradeOffer& offer, std::span<const std::string> supported) {
    UpgradeAnswer answer;
    answer.status = 400;
    std::string names;
    for (const std::string& name : supported) {
        names += (names.empty() ? "" : " or ") + name;
    }
    if (!is_upgrade(offer) || !has_token(offer.connection, "upgrade")) {
        answer.message =
            "this is a WebSocket endpoint: send Upgrade: websocket and Connection: "
            "Upgrade, with the subprotocol " +
            names;
        return answer;
    }
    if (offer.version != kVersion) {
        answer.status = 426;
        answer.message = "only version 13 of the WebSocket protocol is spoken here";
        return answer;
    }
    const auto key = base64_decode(offer.key);
    if (!key || key->size() != 16) {
        answer.message = "Sec-WebSocket-Key must be 16 bytes in base64";
        return answer;
    }
    for (std::string_view list = offer.subprotocols; !list.empty();) {
        const std::string_view wanted = next_element(list);
        if (std::find(supported.begin(), supported.end(), wanted) != supported.end()) {
            answer.status = 101;
            answer.subprotocol = wanted;
            return answer;
        }
    }
    answer.message = "Sec-WebSocket-Protocol must name " + names;
    return answer;
}

std::string make_upgrade_response(std::string_view key, std::string_view subprotocol) {
    std::string text;
    text += "HTTP/1.1 101 Switching Protocols\r\n";
    text += "Upgrade: websocket\r\n";
    text += "Connection: Upgrade\r\n";
    text += "Sec-WebSocket-Accept: " + accept_for(key) + "\r\n";
    text += "Sec-WebSocket-Protocol: " + std::string(subprotocol) + "\r\n";
    text += "\r\n";
    return text;
}

std::string accept_for(std::string_view key) {
    std::string text(key);
    text += kGuid;
    return base64_encode(as_text(sha1(text)));
}

bool has_token(std::string_view list, std::string_view token) {
    while (!list.empty()) {
        if (equal_ignoring_case(next_element(list), token)) {
            return true;
        }
    }
    return false;
}

}  // namespace parley::websocket
