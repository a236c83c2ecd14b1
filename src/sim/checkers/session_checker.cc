#include "sim/checkers/session_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace parley::sim {

SessionChecker::SessionChecker(Truth& truth, Verdict& verdict, Limits limits, World world)
    : truth_(truth), verdict_(verdict), limits_(limits), world_(std::move(world)) {}

void SessionChecker::connected(std::uint64_t link, const std::string&) {
    // Connections come and go by the thousand; those long gone are not asked about again.
    constexpr std::size_t kKept = 4096;
    sessions_[link];
    if (sessions_.size() > kKept) {
        sessions_.erase(sessions_.begin());
    }
}

void SessionChecker::written(std::uint64_t link, const std::string& host, End end,
                             BytesView frame) {
    ++frames_;
    if (end == End::client) {
        client_writes(sessions_[link], host, frame);
    } else {
        server_writes(sessions_[link], host, frame);
    }
}

void SessionChecker::reading(std::uint64_t link, const std::string& host, End end,
                             BytesView frame) {
    if (end == End::server) {
        server_reads(sessions_[link], host, frame);
    } else {
        client_reads(sessions_[link], frame);
    }
}

void SessionChecker::overrun(std::uint64_t, const std::string& host, End end, std::size_t bytes) {
    verdict_.broken("buffers",
                    fmt::format("{} of {} begins a frame with {} bytes waiting and no room",
                                end == End::client ? "the client" : "the server", host, bytes));
}

void SessionChecker::client_writes(Session& session, const std::string& host, BytesView frame) {
    const auto decoded = wire::decode_client_frame(frame);
    if (!decoded) {
        verdict_.broken("wire", fmt::format("{} sends a frame that nobody can read: {}", host,
                                            decoded.error().description));
        return;
    }
    if (const auto* submit = std::get_if<wire::Submit>(&*decoded)) {
        // R1: what is submitted is in the outbox on disk.
        if (!world_.submission_is_durable(host, submit->message.message_id)) {
            verdict_.broken("R1", fmt::format("{} submits {}, which a power loss takes", host,
                                              submit->message.message_id.value()));
        }
        session.at_client.push_back(
            {submit->message.message_id, submit->message.key, frame.size()});
        session.client_bytes += frame.size();
        if (session.at_client.size() > 1 &&
            (session.at_client.size() > limits_.inflight_submissions ||
             session.client_bytes > limits_.inflight_bytes)) {
            verdict_.broken("window",
                            fmt::format("{} has {} submissions of {} bytes in flight", host,
                                        session.at_client.size(), session.client_bytes));
        }
        world_.said(host, End::client, "submit");
    } else if (const auto* hello = std::get_if<wire::Hello>(&*decoded)) {
        // R1: a cursor acknowledges like an Ack.
        if (hello->cursor && !world_.cursor_is_durable(host, *hello->cursor)) {
            verdict_.broken(
                "R1", fmt::format("{} says hello with a cursor that a power loss takes", host));
        }
        world_.said(host, End::client, "hello");
    } else if (const auto* ack = std::get_if<wire::Ack>(&*decoded)) {
        // R1: an event is acknowledged after it is in the local store.
        if (!world_.cursor_is_durable(host, Cursor{Epoch(session.epoch), ack->sequence})) {
            verdict_.broken("R1", fmt::format("{} acknowledges {}, which a power loss takes", host,
                                              ack->sequence.value()));
        }
        world_.said(host, End::client, "ack");
    }
}

void SessionChecker::server_reads(Session& session, const std::string& host, BytesView frame) {
    const auto decoded = wire::decode_client_frame(frame);
    if (!decoded) {
        return;
    }
    if (const auto* hello = std::get_if<wire::Hello>(&*decoded)) {
        session.messaging = hello->supports_messaging;
        session.hello_cursor = hello->cursor;
    } else if (const auto* submit = std::get_if<wire::Submit>(&*decoded)) {
        const ChainKey key = submit->message.key.value().empty()
                                 ? ChainKey(submit->message.message_id.value())
                                 : submit->message.key;
        first_submitted_ms_.emplace(key, to_ms(world_.store_time()));
        session.at_server.push_back({submit->message.message_id, key, frame.size()});
    } else if (const auto* ack = std::get_if<wire::Ack>(&*decoded)) {
        truth_.acknowledged(session.user, ack->sequence);
        world_.said(host, End::server, "acknowledged");
        while (!session.events.empty() && session.events.front().sequence <= ack->sequence) {
            session.event_bytes -= session.events.front().bytes;
            session.events.pop_front();
        }
    }
}

void SessionChecker::client_reads(Session& session, BytesView frame) {
    const auto decoded = wire::decode_server_frame(frame);
    if (decoded && std::holds_alternative<wire::SubmitResult>(*decoded) &&
        !session.at_client.empty()) {
        session.client_bytes -= session.at_client.front().bytes;
        session.at_client.pop_front();
    }
}

void SessionChecker::server_writes(Session& session, const std::string& host, BytesView frame) {
    const auto decoded = wire::decode_server_frame(frame);
    if (!decoded) {
        verdict_.broken("wire", fmt::format("the server sends {} a frame that nobody can read: {}",
                                            host, decoded.error().description));
        return;
    }
    if (frame.size() > limits_.frame_bytes) {
        verdict_.broken("window",
                        fmt::format("the server sends {} a frame of {} bytes", host, frame.size()));
    }
    if (const auto* hello = std::get_if<wire::Welcome>(&*decoded)) {
        welcome(session, *hello);
        world_.said(host, End::server, "welcome");
    } else if (const auto* result = std::get_if<wire::SubmitResult>(&*decoded)) {
        answer(session, host, *result);
        world_.said(host, End::server, "result");
    } else if (const auto* batch = std::get_if<wire::Events>(&*decoded)) {
        events(session, host, *batch);
        world_.said(host, End::server, "events");
    }
}

void SessionChecker::welcome(Session& session, const wire::Welcome& welcome) {
    ++sessions_opened_;
    session.user = welcome.user_id;
    session.epoch = welcome.head.epoch.value();
    session.cursor_accepted = welcome.cursor_accepted;
    welcomed_.insert(welcome.user_id);
    if (session.messaging) {
        messaging_.insert(welcome.user_id);
    }
    if (session.hello_cursor && welcome.cursor_accepted) {
        session.last_sent = session.hello_cursor->sequence;
        if (session.messaging) {
            truth_.acknowledged(session.user, session.hello_cursor->sequence);
        }
        // R19: a cursor of another epoch, or ahead of the head, is void.
        if (session.hello_cursor->epoch != welcome.head.epoch ||
            session.hello_cursor->sequence > welcome.head.sequence) {
            verdict_.broken("R19",
                            fmt::format("a cursor {}:{} is accepted with the head at {}:{}",
                                        session.hello_cursor->epoch.value(),
                                        session.hello_cursor->sequence.value(),
                                        welcome.head.epoch.value(), welcome.head.sequence.value()));
        }
    }
}

void SessionChecker::answer(Session& session, const std::string& host,
                            const wire::SubmitResult& result) {
    if (session.at_server.empty() || session.at_server.front().message != result.message_id) {
        verdict_.broken("R6", fmt::format("the answer for {} to {} is out of order",
                                          result.message_id.value(), host));
        return;
    }
    const Outstanding submission = session.at_server.front();
    session.at_server.pop_front();
    for (const auto& recipient : result.recipients) {
        if (recipient.error) {
            continue;
        }
        // R1: the recipient's event and the sender's are durable before the answer.
        const bool incoming =
            truth_.incoming(recipient.recipient_id, session.user, submission.key) != nullptr;
        if (!incoming || !truth_.sent(recipient.recipient_id, session.user, submission.key)) {
            verdict_.broken(
                "R1",
                fmt::format(
                    "the server tells {} that {} for {} is accepted before its `{}` is durable",
                    host, result.message_id.value(), recipient.recipient_id.value(),
                    incoming ? "sent" : "incoming"));
        }
    }
}

void SessionChecker::events(Session& session, const std::string& host, const wire::Events& events) {
    if (!session.messaging && !events.events.empty()) {
        verdict_.broken("R15", fmt::format("{} gets events without messaging", host));
    }
    for (const wire::Event& each : events.events) {
        if (each.sequence <= session.last_sent) {
            verdict_.broken("R6", fmt::format("{} is sent {} after {}", host, each.sequence.value(),
                                              session.last_sent.value()));
        }
        session.last_sent = each.sequence;
        event(session, host, each);
        // Its own size, in a frame of its own: an acknowledgement may end within a frame.
        const std::size_t size = wire::encode(wire::ServerFrame(wire::Events{{each}, {}})).size();
        session.events.push_back({each.sequence, size});
        session.event_bytes += size;
    }
    // The window counts events, and this the frames that they came in.
    constexpr std::size_t kFrameBytes = 24;
    const bool over =
        session.events.size() > limits_.unacked_events ||
        session.event_bytes > limits_.unacked_bytes + kFrameBytes * session.events.size();
    if (over && session.events.size() > 1) {
        verdict_.broken("R20", fmt::format("{} has {} unacknowledged events of {} bytes", host,
                                           session.events.size(), session.event_bytes));
    }
}

void SessionChecker::event(const Session& session, const std::string& host,
                           const wire::Event& event) {
    if (!truth_.holds(session.user, event.sequence)) {
        // R1, R23: what is shown is durable, in this user's own mailbox.
        verdict_.broken("R1", fmt::format("{} is shown event {} that is not durable in its mailbox",
                                          host, event.sequence.value()));
    }
    // R17: never handed out past retention. What waits for a slow reader was read from the store
    // before.
    constexpr std::int64_t kSlackMs = 120'000;
    const std::int64_t age = to_ms(world_.store_time()) - event.at_ms;
    const std::int64_t retention = std::chrono::milliseconds(limits_.retention).count();
    if (age > retention + kSlackMs) {
        verdict_.broken("R17", fmt::format("{} is handed an event of {} s ago, retention is {} s",
                                           host, age / 1000, retention / 1000));
    }
}

std::optional<std::int64_t> SessionChecker::first_submitted_ms(const ChainKey& key) const {
    const auto found = first_submitted_ms_.find(key);
    return found == first_submitted_ms_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace parley::sim
