#include "reactor.h"

#include <algorithm>

// What a reactor's connections receive: the answer to the upgrade, then WebSocket frames.
namespace parley::bench {
namespace {

struct FrameHead {
    std::size_t size = 0;  // 0: not all there
    std::uint64_t payload = 0;
};

// The header of a server's frame, which is never masked.
FrameHead read_head(std::string_view bytes) {
    FrameHead head;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() < 2) {
        return head;
    }
    const unsigned length = byte(1) & 0x7f;
    const std::size_t more = length < 126 ? 0 : length == 126 ? 2 : 8;
    if (bytes.size() < 2 + more) {
        return head;
    }
    head.payload = more == 0 ? length : 0;
    for (std::size_t i = 0; i < more; ++i) {
        head.payload = head.payload << 8 | byte(2 + i);
    }
    head.size = 2 + more;
    return head;
}

}  // namespace

std::size_t Reactor::consume(std::uint32_t index, std::string_view bytes) {
    const Connection& connection = at(index);
    const std::uint32_t generation = connection.generation;
    std::size_t used = 0;
    if (connection.state == State::upgrading) {
        used = consume_upgrade(index, bytes);
        if (connection.state == State::upgrading) {
            return used;
        }
    }
    while (generation == connection.generation) {
        const std::string_view rest = bytes.substr(used);
        const FrameHead head = read_head(rest);
        if (head.size == 0 || head.payload > rest.size() - head.size) {
            break;
        }
        const auto first = static_cast<unsigned char>(rest[0]);
        used += head.size + head.payload;
        if ((first & 0xf0) != 0x80 || (static_cast<unsigned char>(rest[1]) & 0x80) != 0) {
            fail(index, "the server sent a fragmented or masked frame, which is not read here");
            break;
        }
        take_frame(index, first & 0x0f, rest.substr(head.size, head.payload));
    }
    return used;
}

std::size_t Reactor::consume_upgrade(std::uint32_t index, std::string_view bytes) {
    using Outcome = websocket::UpgradeCheck::Outcome;
    const auto check = websocket::check_upgrade_response(bytes, target_.upgrade());
    if (check.outcome == Outcome::incomplete) {
        return 0;
    }
    if (check.outcome != Outcome::upgraded) {
        fail(index, "the server did not take the connection: " + check.status_line);
        return 0;
    }
    at(index).state = State::greeting;
    websocket::append_frame(output(index), websocket::Opcode::binary,
                            as_bytes(observer_.hello_of(index)), mask());
    return check.head_bytes;
}

void Reactor::take_frame(std::uint32_t index, unsigned opcode, std::string_view payload) {
    using websocket::Opcode;
    switch (static_cast<Opcode>(opcode)) {
        case Opcode::binary:
            return take_message(index, payload);
        case Opcode::ping:
            return websocket::append_frame(output(index), Opcode::pong, as_bytes(payload), mask());
        case Opcode::pong:
            return;
        case Opcode::close:
            return fail(index, "the server closed the session");
        default:
            return fail(index, "the server sent a frame that is not binary");
    }
}

void Reactor::take_message(std::uint32_t index, std::string_view frame) {
    std::string_view body;
    const FrameKind kind = kind_of(frame, body);
    if (kind == FrameKind::events) {
        return take_events(index, body);
    }
    Answer answer;
    if (kind == FrameKind::answer && read_answer(body, answer) && answer.accepted) {
        return observer_.on_answer(index, answer.message_id);
    }
    take_other(index, frame);
}

void Reactor::take_events(std::uint32_t index, std::string_view body) {
    Connection& connection = at(index);
    const std::uint32_t generation = connection.generation;
    EventsReader reader(body);
    EventSeen event;
    while (reader.next(event)) {
        connection.received = std::max(connection.received, event.sequence);
        if (event.kind == EventKind::incoming) {
            observer_.on_incoming(index, event.message_id);
        } else if (event.kind == EventKind::delivered) {
            observer_.on_delivered(index, event.message_id);
        }
        if (generation != connection.generation) {
            return;
        }
    }
    if (!reader.whole()) {
        return fail(index, "the server sent Events that can't be parsed");
    }
    connection.received = std::max(connection.received, reader.through());
    output(index);
}

void Reactor::take_other(std::uint32_t index, std::string_view frame) {
    const auto decoded = wire::decode_server_frame(as_bytes(frame));
    if (!decoded) {
        return fail(index, decoded.error().description);
    }
    if (const auto* welcome = std::get_if<wire::Welcome>(&*decoded)) {
        at(index).state = State::open;
        observer_.on_welcome(index, *welcome);
    } else if (const auto* goodbye = std::get_if<wire::Goodbye>(&*decoded)) {
        fail(index, "the server said goodbye: " + goodbye->error.description);
    } else if (const auto* result = std::get_if<wire::SubmitResult>(&*decoded)) {
        std::string why = result->error ? result->error->description : "";
        for (const auto& recipient : result->recipients) {
            if (recipient.error) {
                why = recipient.recipient_id.value() + ": " + recipient.error->description;
            }
        }
        observer_.on_refused(index, why);
    }
}

}  // namespace parley::bench
