#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

// RFC 6455, section 4: the HTTP/1.1 upgrade, both sides, as pure functions.
namespace parley::websocket {

// ---- the client

struct UpgradeRequest {
    std::string host;    // as in the URL, with the port unless it is the scheme's own
    std::string target;  // "/v1/connect"
    std::string key;     // 16 random bytes in base64
    std::string subprotocol;
};
std::string make_upgrade_request(const UpgradeRequest& request);

struct UpgradeCheck {
    enum class Outcome {
        incomplete,         // the head of the answer is not all there yet
        upgraded,           // `head_bytes` of it were HTTP, the rest is WebSocket
        not_http,           // something else answers there
        refused,            // an HTTP answer other than 101; see status_line
        not_websocket,      // a 101 that is not for us: Upgrade, Connection or the accept key
        wrong_subprotocol,  // none or another was chosen
    };
    Outcome outcome = Outcome::incomplete;
    std::size_t head_bytes = 0;
    int status = 0;
    // The first line of the answer, printable and cut to a length fit for a log.
    std::string status_line;
};
// An answer whose head is longer counts as not HTTP.
inline constexpr std::size_t kMaxUpgradeAnswerBytes = 16 * 1024;
// Judges what the server has answered so far.
UpgradeCheck check_upgrade_response(std::string_view received, const UpgradeRequest& request);

// ---- the server

// What the request's head says; fields that are missing are empty, repeated ones joined by commas.
struct UpgradeOffer {
    std::string_view upgrade;
    std::string_view connection;
    std::string_view key;
    std::string_view version;
    std::string_view subprotocols;
};
struct UpgradeAnswer {
    int status = 101;         // 101, 400, or 426 for another version of WebSocket
    std::string subprotocol;  // of a 101: the first of ours that the client named
    std::string message;      // of an error: one sentence
};
// True if the request asks for an upgrade to WebSocket at all.
bool is_upgrade(const UpgradeOffer& offer);
UpgradeAnswer answer_upgrade(const UpgradeOffer& offer, std::span<const std::string> supported);
// The text of a 101.
std::string make_upgrade_response(std::string_view key, std::string_view subprotocol);

// The value of Sec-WebSocket-Accept for this Sec-WebSocket-Key.
std::string accept_for(std::string_view key);
// True if `list` (comma separated, RFC 9110, 5.6.1) has this token; letters compare without case.
bool has_token(std::string_view list, std::string_view token);

}  // namespace parley::websocket
