#include "wire/json_writer.h"

namespace parley::wire {

namespace {

using wire::append_json;  // Overloaded below.

void append_string(Bytes& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out.push_back('"');
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        out.append(text, plain, i - plain);
        plain = i + 1;
        out.push_back('\\');
        switch (c) {
            case '"':
            case '\\':
                out.push_back(static_cast<char>(c));
                break;
            case '\n':
                out.push_back('n');
                break;
            case '\r':
                out.push_back('r');
                break;
            case '\t':
                out.push_back('t');
                break;
            default:
                out.append("u00");
                out.push_back(kHex[c >> 4]);
                out.push_back(kHex[c & 15]);
        }
    }
    out.append(text, plain, text.size() - plain);
    out.push_back('"');
}

// Writes the members of one object; closes it when it goes.
class Object {
  public:
    explicit Object(Bytes& out) : out_(out) { out_.push_back('{'); }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    ~Object() { out_.push_back('}'); }

    void name(std::string_view name) {
        if (!first_) {
            out_.push_back(',');
        }
        first_ = false;
        append_string(out_, name);
        out_.push_back(':');
    }
    void text(std::string_view key, std::string_view value) {
        name(key);
        append_string(out_, value);
    }
    void flag(std::string_view key, bool value) {
        name(key);
        out_.append(value ? "true" : "false");
    }
    // 32 bits: a number. 64 bits: a string.
    void number(std::string_view key, std::int64_t value) {
        name(key);
        out_.append(std::to_string(value));
    }
    template <typename Integer>
    void big(std::string_view key, Integer value) {
        name(key);
        out_.append(1, '"').append(std::to_string(value)).append(1, '"');
    }
    template <typename List, typename Append>
    void list(std::string_view key, const List& items, Append append) {
        name(key);
        out_.push_back('[');
        bool first = true;
        for (const auto& item : items) {
            if (!first) {
                out_.push_back(',');
            }
            first = false;
            append(item);
        }
        out_.push_back(']');
    }
    void texts(std::string_view key, const std::vector<std::string>& items) {
        list(key, items, [this](const std::string& item) { append_string(out_, item); });
    }
    void users(std::string_view key, const std::vector<UserId>& items) {
        list(key, items, [this](const UserId& item) { append_string(out_, item.value()); });
    }

  private:
    Bytes& out_;
    bool first_ = true;
};

void append_json(Bytes& out, const Cursor& cursor) {
    Object object(out);
    object.text("epoch", cursor.epoch.value());
    object.big("sequence", cursor.sequence.value());
}

void append_json(Bytes& out, const Error& error) {
    Object object(out);
    object.text("domain", to_string(error.domain));
    object.number("code", static_cast<int>(error.code));
    object.text("description", error.description);
    object.flag("retryable", error.retryable);
}

void append_json(Bytes& out, const Message& message) {
    Object object(out);
    object.text("messageId", message.message_id.value());
    object.text("senderId", message.sender_id.value());
    object.users("recipientIds", message.recipient_ids);
    object.text("text", message.text);
    object.name("headers");
    {
        Object headers(out);
        for (const auto& [name, value] : message.headers) {
            headers.text(name, value);
        }
    }
    object.big("createdAtMs", message.created_at_ms);
    object.big("acceptedAtMs", message.accepted_at_ms);
    object.text("idempotencyKey", message.key.value());
}

void append_json(Bytes& out, const Limits& limits) {
    Object object(out);
    object.number("textBytes", limits.text_bytes);
    object.number("headerBytes", limits.header_bytes);
    object.number("recipients", limits.recipients);
    object.number("recipientBytes", limits.recipient_bytes);
    object.number("inflightSubmissions", limits.inflight_submissions);
    object.number("inflightBytes", limits.inflight_bytes);
    object.number("unackedEvents", limits.unacked_events);
    object.number("frameBytes", limits.frame_bytes);
    object.number("retryWindowS", limits.retry_window.count());
    object.number("retentionS", limits.retention.count());
    object.number("dedupeHorizonS", limits.dedupe_horizon.count());
    object.number("pingIntervalS", limits.ping_interval.count());
}

void append_json(Bytes& out, const Sent& sent) {
    Object object(out);
    object.name("message");
    append_json(out, sent.message);
    object.users("recipientIds", sent.recipient_ids);
    object.text("originDeviceId", sent.origin_device_id.value());
    object.list("recipientAcceptedAtMs", sent.recipient_accepted_at_ms, [&](std::int64_t at) {
        out.append(1, '"').append(std::to_string(at)).append(1, '"');
    });
}

void append_json(Bytes& out, const Delivered& delivered) {
    Object object(out);
    object.text("messageId", delivered.message_id.value());
    object.text("recipientId", delivered.recipient_id.value());
    object.text("idempotencyKey", delivered.key.value());
    object.big("acceptedAtMs", delivered.accepted_at_ms);
}

void append_json(Bytes& out, const RecipientResult& result) {
    Object object(out);
    object.text("recipientId", result.recipient_id.value());
    object.flag("duplicate", result.duplicate);
    if (result.error) {
        object.name("error");
        append_json(out, *result.error);
    }
    object.big("acceptedAtMs", result.accepted_at_ms);
}

struct ClientBody {
    Bytes& out;
    Object& frame;

    void operator()(const Hello& hello) const {
        frame.name("hello");
        Object object(out);
        object.text("token", hello.token);
        object.text("deviceId", hello.device_id.value());
        if (hello.cursor) {
            object.name("cursor");
            append_json(out, *hello.cursor);
        }
        object.flag("supportsMessaging", hello.supports_messaging);
        object.text("sdk", hello.sdk);
        object.texts("features", hello.features);
    }
    void operator()(const Submit& submit) const {
        frame.name("submit");
        Object object(out);
        object.name("message");
        append_json(out, submit.message);
        object.users("openRecipientIds", submit.open_recipient_ids);
    }
    void operator()(const Ack& ack) const {
        frame.name("ack");
        Object(out).big("sequence", ack.sequence.value());
    }
    void operator()(const Refresh& refresh) const {
        frame.name("refresh");
        Object(out).text("token", refresh.token);
    }
};

struct ServerBody {
    Bytes& out;
    Object& frame;

    void operator()(const UnknownFrame&) const {}
    void operator()(const Welcome& welcome) const {
        frame.name("welcome");
        Object object(out);
        object.text("userId", welcome.user_id.value());
        object.text("sessionId", welcome.session_id);
        object.name("head");
        append_json(out, welcome.head);
        object.flag("cursorAccepted", welcome.cursor_accepted);
        object.big("serverTimeMs", welcome.server_time_ms);
        object.name("limits");
        append_json(out, welcome.limits);
        object.big("sessionEndsAtMs", welcome.session_ends_at_ms);
        object.texts("features", welcome.features);
    }
    void operator()(const SubmitResult& result) const {
        frame.name("submitResult");
        Object object(out);
        object.text("messageId", result.message_id.value());
        object.big("acceptedAtMs", result.accepted_at_ms);
        object.list("recipients", result.recipients,
                    [this](const RecipientResult& one) { append_json(out, one); });
        if (result.error) {
            object.name("error");
            append_json(out, *result.error);
        }
    }
    void operator()(const Events& events) const {
        frame.name("events");
        Object object(out);
        object.list("events", events.events,
                    [this](const Event& event) { append_json(out, event); });
        object.big("through", events.through.value());
    }
    void operator()(const Goodbye& goodbye) const {
        frame.name("goodbye");
        Object object(out);
        object.name("error");
        append_json(out, goodbye.error);
        object.big("reconnectAfterMs", goodbye.reconnect_after_ms);
    }
    void operator()(const Refreshed& refreshed) const {
        frame.name("refreshed");
        Object(out).big("sessionEndsAtMs", refreshed.session_ends_at_ms);
    }
};

}  // namespace

void append_json(Bytes& out, const Event& event) {
    Object object(out);
    object.big("sequence", event.sequence.value());
    object.big("atMs", event.at_ms);
    if (const auto* incoming = std::get_if<Incoming>(&event.kind)) {
        object.name("incoming");
        append_json(out, incoming->message);
    } else if (const auto* sent = std::get_if<Sent>(&event.kind)) {
        object.name("sent");
        append_json(out, *sent);
    } else if (const auto* delivered = std::get_if<Delivered>(&event.kind)) {
        object.name("delivered");
        append_json(out, *delivered);
    }
}

void append_json(Bytes& out, const ClientFrame& frame) {
    Object object(out);
    std::visit(ClientBody{out, object}, frame);
}

void append_json(Bytes& out, const ServerFrame& frame) {
    Object object(out);
    std::visit(ServerBody{out, object}, frame);
}

}  // namespace parley::wire
