#pragma once

#include "protocol/server_session.h"
#include "protocol/testing/frame_list.h"
#include "wire/json.h"

#include <gtest/gtest.h>

namespace parley::protocol::testing {

using namespace std::chrono_literals;

inline constexpr Instant kStart{};

inline std::shared_ptr<wire::RenderedEvent> event(std::uint64_t sequence, std::size_t text = 1) {
    wire::Message message;
    message.text.assign(text, 'x');
    return *wire::RenderedEvent::make(Sequence(sequence), WallTime{},
                                      wire::encode_incoming(message), wire::encode_body(message));
}

inline wire::Submit submission(const std::string& id, std::size_t text = 1) {
    wire::Submit submit;
    submit.message.message_id = MessageId(id);
    submit.message.recipient_ids = {UserId("bob")};
    submit.message.text.assign(text, 'x');
    return submit;
}

inline wire::SubmitResult accepted(const std::string& id) {
    return {MessageId(id), 5, {{UserId("bob"), false, std::nullopt, 5}}, std::nullopt};
}

// One session, and what its owner sees.
class ServerSessionFixture : public ::testing::Test {
  protected:
    ServerSession& session() {
        if (!session_) {
            session_ = std::make_unique<ServerSession>(options_, now_);
        }
        return *session_;
    }
    Result<void> receive(const wire::ClientFrame& frame) {
        return receive_bytes(wire::encode(frame));
    }
    Result<void> receive_bytes(const Bytes& bytes) {
        return session().receive(as_bytes(bytes), now_);
    }

    void open(bool messaging = true, std::optional<Cursor> cursor = std::nullopt,
              bool accepted_cursor = true) {
        wire::Hello hello;
        hello.device_id = DeviceId("d1");
        hello.supports_messaging = messaging;
        hello.cursor = cursor;
        ASSERT_TRUE(receive(hello));
        ASSERT_TRUE(output<ServerSession::HelloReceived>());
        wire::Welcome welcome;
        welcome.cursor_accepted = cursor && accepted_cursor;
        session().welcome(welcome, messaging, Instant::max());
        ASSERT_TRUE(std::holds_alternative<wire::Welcome>(sent().at(0)));
    }

    template <typename T>
    std::optional<T> output() {
        auto out = session().next_output();
        if (!out || !std::holds_alternative<T>(*out)) {
            return std::nullopt;
        }
        return std::get<T>(std::move(*out));
    }
    bool quiet() { return !session().next_output(); }

    // What is written now, decoded.
    std::vector<wire::ServerFrame> sent() {
        session().transmit(sink_);
        std::vector<wire::ServerFrame> frames;
        for (const Bytes& bytes : sink_.take()) {
            EXPECT_LE(bytes.size(), options_.limits.frame_bytes);
            Bytes proto = bytes;
            if (options_.encoding == wire::Encoding::json) {
                proto = *wire::server_frame_from_json(as_bytes(bytes));
            }
            frames.push_back(*wire::decode_server_frame(as_bytes(proto)));
        }
        return frames;
    }

    // The session ends with this Goodbye and close code, said last.
    void expect_end(ErrorCode code, std::uint16_t close_code) {
        const auto ended = output<ServerSession::Ended>();
        ASSERT_TRUE(ended);
        EXPECT_EQ(ended->close_code, close_code);
        EXPECT_EQ(ended->error.code, code);
        EXPECT_TRUE(quiet());
        EXPECT_FALSE(session().finished());
        const auto frames = sent();
        ASSERT_FALSE(frames.empty());
        const auto* goodbye = std::get_if<wire::Goodbye>(&frames.back());
        ASSERT_NE(goodbye, nullptr);
        EXPECT_EQ(goodbye->error, ended->error);
        EXPECT_TRUE(session().finished());
        EXPECT_EQ(session().deadline(), std::nullopt);
        // Nothing is accepted, answered or said any more.
        EXPECT_TRUE(receive(submission("late")));
        EXPECT_TRUE(quiet());
        EXPECT_TRUE(sent().empty());
    }

    ServerSessionOptions options_;
    Instant now_ = kStart;
    FrameList sink_;
    std::unique_ptr<ServerSession> session_;
};

}  // namespace parley::protocol::testing
