#pragma once

#include "wire/frames.h"

#include <utility>
#include <vector>

// One of each frame, with every field filled in one and none in the other: what round trips, golden
// files and fuzzers begin with.
namespace parley::wire::testing {

template <typename Frame>
using Named = std::vector<std::pair<std::string, Frame>>;

inline Message sample_message() {
    Message message;
    message.message_id = MessageId("0190a1b2-c3d4-7000-8000-000000000001");
    message.sender_id = UserId("alice");
    message.recipient_ids = {UserId("bob"), UserId("carol/phone")};
    message.text = "Hi \xF0\x9F\x91\x8B, \"friend\"\n\x01";
    message.headers = {{"a", "1"}, {"b", ""}, {"\xC3\xBC", "\\"}};
    message.created_at_ms = 1514862245000;
    message.accepted_at_ms = 1514862246000;
    message.key = ChainKey("0190a1b2-c3d4-7000-8000-000000000000");
    return message;
}

inline Named<ClientFrame> sample_client_frames() {
    Hello hello;
    hello.token = "a.b.c";
    hello.device_id = DeviceId("phone-1");
    hello.cursor = Cursor{Epoch("e1"), Sequence(1514862245000001)};
    hello.supports_messaging = true;
    hello.sdk = "parley-cpp/0.1.0";
    hello.features = {"x", "y"};
    return {{"hello", hello},
            {"hello_empty", Hello{}},
            {"submit", Submit{sample_message(), {UserId("bob")}}},
            {"submit_empty", Submit{}},
            {"ack", Ack{Sequence(kSequenceEnd - 1)}},
            {"ack_empty", Ack{}},
            {"refresh", Refresh{"d.e.f"}}};
}

inline Events sample_events() {
    Sent sent;
    sent.message = sample_message();
    sent.recipient_ids = {UserId("bob"), UserId("carol/phone")};
    sent.origin_device_id = DeviceId("phone-1");
    sent.recipient_accepted_at_ms = {1514862246000, 1514862246001};
    const Delivered delivered{sample_message().message_id, UserId("bob"), sample_message().key,
                              1514862246000};
    Events events;
    events.events = {{Sequence(10), 1514862246000, Incoming{sample_message()}},
                     {Sequence(11), 1514862246001, sent},
                     {Sequence(15), 1514862246002, delivered},
                     {Sequence(16), 1514862246003, UnknownEvent{}}};
    events.through = Sequence(20);
    return events;
}

inline Named<ServerFrame> sample_server_frames() {
    Welcome welcome;
    welcome.user_id = UserId("alice");
    welcome.session_id = "s-1";
    welcome.head = Cursor{Epoch("e1"), Sequence(1514862245000001)};
    welcome.cursor_accepted = true;
    welcome.server_time_ms = 1514862245001;
    welcome.session_ends_at_ms = 1514862845000;
    welcome.features = {"x"};
    SubmitResult result;
    result.message_id = sample_message().message_id;
    result.accepted_at_ms = 1514862246000;
    result.recipients = {{UserId("bob"), true, std::nullopt, 1514862246000},
                         {UserId("nobody"), false,
                          Error{ErrorDomain::capability, ErrorCode::recipient_unknown,
                                "there is no such user", false},
                          0}};
    SubmitResult refused;
    refused.message_id = MessageId("m");
    refused.error = Error{ErrorDomain::other, ErrorCode::invalid_argument, "text: too long", false};
    const Goodbye goodbye{
        Error{ErrorDomain::session, ErrorCode::draining, "the server goes down", true}, 1500};
    // A domain's and an error's numbers of a later version survive.
    const Goodbye later{Error{ErrorDomain::network, static_cast<ErrorCode>(1999), "new", true}, 0};
    return {{"welcome", welcome},
            {"submit_result", result},
            {"submit_result_refused", refused},
            {"events", sample_events()},
            {"events_empty", Events{}},
            {"goodbye", goodbye},
            {"goodbye_later", later},
            {"refreshed", Refreshed{1514862845000}},
            {"unknown", UnknownFrame{}}};
}

}  // namespace parley::wire::testing
