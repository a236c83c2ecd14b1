#include "sim/sim_network.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::sim {
namespace {

using namespace std::chrono_literals;

// One end of a connection, and what it heard.
class Peer final : public io::ChannelObserver {
  public:
    void on_message(BytesView message) override { messages.emplace_back(as_text(message)); }
    void on_alive() override { ++alive; }
    void on_room() override { ++room; }
    void on_end(const io::ChannelEnd& how) override { end = how; }

    void write(const std::string& text) {
        channel->begin(text.size());
        channel->append(as_bytes(text));
        channel->end();
    }

    std::unique_ptr<io::Channel> channel;
    std::vector<std::string> messages;
    int alive = 0;
    int room = 0;
    std::optional<io::ChannelEnd> end;
};

class SimNetworkTest : public testing::Test, private io::ChannelHandler {
  protected:
    SimNetworkTest() { network_.listen({{&server_loop_, this}}); }

    void connect() {
        dial_ = dialer_->dial({}, [this](Result<std::unique_ptr<io::Channel>> result) {
            if (!result) {
                error_ = result.error();
                return;
            }
            client_.channel = std::move(*result);
            client_.channel->start(client_);
        });
    }
    void wait(Duration duration) { scheduler_.run_until(scheduler_.now() + duration); }
    void on_channel(std::unique_ptr<io::Channel> channel) override {
        server_.channel = std::move(channel);
        server_.channel->start(server_);
    }

    Scheduler scheduler_;
    Trace trace_{[this] { return scheduler_.now(); }};
    SimNetwork network_{scheduler_, {}, 1, trace_};
    SimLoop client_loop_{scheduler_, {}, 2};
    SimLoop server_loop_{scheduler_, {}, 3};
    std::unique_ptr<io::Dialer> dialer_ = network_.dialer("phone", client_loop_);
    std::unique_ptr<io::Dial> dial_;
    std::optional<Error> error_;
    Peer client_;
    Peer server_;
};

TEST_F(SimNetworkTest, CarriesMessagesInOrderBothWays) {
    connect();
    wait(1s);
    ASSERT_NE(client_.channel, nullptr);
    client_loop_.post([&] {
        client_.write("one");
        client_.write("two");
    });
    server_loop_.post([&] { server_.write("three"); });
    wait(1s);
    EXPECT_EQ(server_.messages, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(client_.messages, (std::vector<std::string>{"three"}));
}

TEST_F(SimNetworkTest, ConnectionsAreRefusedWhileNobodyListens) {
    network_.listen({});
    connect();
    wait(1s);
    ASSERT_TRUE(error_.has_value());
    EXPECT_EQ(error_->code, ErrorCode::connection_refused);
}

TEST_F(SimNetworkTest, AConnectionAttemptIntoABlackHoleTimesOut) {
    network_.set_reach("phone", Reach::blackhole);
    connect();
    wait(14s);
    EXPECT_FALSE(error_.has_value());
    wait(2s);
    ASSERT_TRUE(error_.has_value());
    EXPECT_EQ(error_->code, ErrorCode::timed_out);
}

TEST_F(SimNetworkTest, AnAttemptThatWasGivenUpIsNeverAnswered) {
    connect();
    dial_.reset();
    wait(20s);
    EXPECT_EQ(client_.channel, nullptr);
    EXPECT_FALSE(error_.has_value());
}

TEST_F(SimNetworkTest, ACutTellsBothSides) {
    connect();
    wait(1s);
    EXPECT_EQ(network_.cut("phone"), 1u);
    wait(1s);
    ASSERT_TRUE(client_.end.has_value());
    EXPECT_EQ(client_.end->code, io::close_code::kAbnormal);
    EXPECT_TRUE(server_.end.has_value());
}

TEST_F(SimNetworkTest, AHalfOpenConnectionTellsNobody) {
    connect();
    wait(1s);
    network_.half_open("phone");
    client_loop_.post([&] { client_.write("into the void"); });
    wait(60s);
    EXPECT_TRUE(server_.messages.empty());
    EXPECT_FALSE(client_.end.has_value());
    EXPECT_FALSE(server_.end.has_value());
}

TEST_F(SimNetworkTest, APingIsAnsweredByTheOtherSide) {
    connect();
    wait(1s);
    server_loop_.post([&] { server_.channel->ping(); });
    wait(1s);
    EXPECT_EQ(client_.alive, 1);
    EXPECT_EQ(server_.alive, 1);
}

TEST_F(SimNetworkTest, APausedReaderFillsTheBuffersOfTheWriter) {
    connect();
    wait(1s);
    server_.channel->pause_reading(true);
    int written = 0;
    client_loop_.post([&] {
        while (client_.channel->has_room()) {
            client_.write(std::string(1000, 'x'));
            ++written;
        }
    });
    wait(10s);
    EXPECT_TRUE(server_.messages.empty());
    // What the wire holds makes room for as much again, and then it is over.
    EXPECT_EQ(client_.room, 1);
    server_loop_.post([&] { server_.channel->pause_reading(false); });
    wait(10s);
    EXPECT_EQ(server_.messages.size(), static_cast<std::size_t>(written));
}

TEST_F(SimNetworkTest, ClosingDeliversWhatWasWrittenAndThenTheCode) {
    connect();
    wait(1s);
    server_loop_.post([&] {
        server_.write("last");
        server_.channel->close(io::close_code::kTryAgainLater, "later");
    });
    wait(1s);
    EXPECT_EQ(client_.messages, (std::vector<std::string>{"last"}));
    ASSERT_TRUE(client_.end.has_value());
    EXPECT_EQ(client_.end->code, io::close_code::kTryAgainLater);
    ASSERT_TRUE(server_.end.has_value());
    EXPECT_EQ(server_.end->code, io::close_code::kTryAgainLater);
}

TEST_F(SimNetworkTest, AChannelThatIsDroppedIsNoticedByTheOtherSide) {
    connect();
    wait(1s);
    client_.channel.reset();
    wait(1s);
    EXPECT_TRUE(server_.end.has_value());
    server_.channel.reset();
    EXPECT_EQ(network_.connections(), 0u);
}

TEST_F(SimNetworkTest, AMachineWithoutPowerTellsNobody) {
    connect();
    wait(1s);
    network_.end_process("phone", End::client, true);
    client_.channel.reset();
    wait(60s);
    EXPECT_FALSE(server_.end.has_value());
}

TEST_F(SimNetworkTest, ASlowReaderTakesOneMessageAtATime) {
    connect();
    wait(1s);
    network_.slow_reader("phone", End::server, 1s);
    client_loop_.post([&] {
        for (int i = 0; i < 5; ++i) {
            client_.write("x");
        }
    });
    wait(2500ms);
    EXPECT_EQ(server_.messages.size(), 3u);
    wait(5s);
    EXPECT_EQ(server_.messages.size(), 5u);
}

}  // namespace
}  // namespace parley::sim
