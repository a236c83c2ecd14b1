#include "adapters/asio/connect_race.h"

#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/testing/raw_peer.h"

#include <gtest/gtest.h>

namespace parley::asio {
namespace {

using namespace std::chrono_literals;
using testing::RawPeer;
using testing::RawServer;
using testing::run_until;
using testing::Server;

std::vector<Address> addresses_of(
    std::initializer_list<std::pair<const char*, std::uint16_t>> all) {
    std::vector<Address> found;
    for (const auto& [host, port] : all) {
        found.push_back(resolve_now(host, port, false)->front());
    }
    return found;
}

Result<ConnectRace::Winner> run(AsioLoop& loop, const std::vector<Address>& addresses) {
    std::optional<Result<ConnectRace::Winner>> result;
    const auto race = std::make_shared<ConnectRace>(
        loop, addresses,
        [&](Result<ConnectRace::Winner> winner) { result.emplace(std::move(winner)); });
    race->start();
    EXPECT_FALSE(result);
    EXPECT_TRUE(run_until(loop, [&] { return result.has_value(); }));
    return std::move(*result);
}

std::uint16_t closed_port() {
    const RawServer gone;
    return gone.port;
}

TEST(ConnectRace, AFamilyThatRefusesGivesWayAtOnce) {
    AsioLoop loop;
    Server only_v4(loop);
    Server only_v6(loop, [](ListenOptions& options) { options.host = "::1"; });
    const Instant start = loop.now();
    auto winner = run(loop, addresses_of({{"::1", closed_port()}, {"127.0.0.1", only_v4.port()}}));
    ASSERT_TRUE(winner);
    EXPECT_EQ(winner->peer_address, "127.0.0.1");
    winner = run(loop, addresses_of({{"127.0.0.1", closed_port()}, {"::1", only_v6.port()}}));
    ASSERT_TRUE(winner);
    EXPECT_EQ(winner->peer_address, "::1");
    loop.run_turn(AsioLoop::Wait::no);
    EXPECT_LT(loop.now() - start, 250ms);
}

TEST(ConnectRace, AnAddressThatStaysSilentIsOvertakenAfterAQuarterOfASecond) {
    AsioLoop loop;
    Server server(loop);
    // A full backlog: further connections are not answered at all.
    RawServer silent(0);
    std::vector<RawPeer> crowd;
    for (int i = 0; i < 4; ++i) {
        crowd.push_back(RawPeer::begin_to_port(silent.port));
    }
    const Instant start = loop.now();
    const auto winner =
        run(loop, addresses_of({{"127.0.0.1", silent.port}, {"127.0.0.1", server.port()}}));
    ASSERT_TRUE(winner);
    EXPECT_GE(loop.now() - start, 250ms);
    EXPECT_TRUE(run_until(loop, [&] { return true; }));
}

TEST(ConnectRace, WhenAllFailTheLastReasonIsTold) {
    AsioLoop loop;
    const auto winner =
        run(loop, addresses_of({{"127.0.0.1", closed_port()}, {"::1", closed_port()}}));
    ASSERT_FALSE(winner);
    EXPECT_EQ(winner.error().description, "::1: Connection refused");
}

TEST(ConnectRace, OnceCancelledItSaysNothing) {
    for (int turns = 0; turns < 4; ++turns) {
        AsioLoop loop;
        Server server(loop);
        bool called = false;
        const auto race = std::make_shared<ConnectRace>(
            loop, addresses_of({{"127.0.0.1", server.port()}}),
            [&](const Result<ConnectRace::Winner>&) { called = true; });
        race->start();
        int run = 0;
        for (; run < turns && !called; ++run) {
            loop.run_turn(AsioLoop::Wait::no);
        }
        const bool before = called;
        race->cancel();
        loop.run_turn(AsioLoop::Wait::no);
        EXPECT_EQ(called, before);
    }
}

}  // namespace
}  // namespace parley::asio
