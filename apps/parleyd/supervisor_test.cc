#include "supervisor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <filesystem>

namespace parley::parleyd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;
using Environment = std::map<std::string, std::string>;

class RecordingSink final : public LogSink {
  public:
    void write(LogLevel, std::string_view event, const std::vector<LogField>&) override {
        events.emplace_back(event);
    }
    bool enabled(LogLevel) const override { return true; }

    std::vector<std::string> events;
};

// The other side: a socket that keeps what comes.
class Listening {
  public:
    explicit Listening(const std::string& address)
        : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, address.data(), address.size());
        if (address.front() == '@') {
            at.sun_path[0] = '\0';
        }
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&at), size), 0);
    }
    ~Listening() { ::close(socket_); }

    std::vector<std::string> heard() const {
        std::vector<std::string> messages;
        char block[4096];
        for (ssize_t count; (count = ::recv(socket_, block, sizeof block, 0)) >= 0;) {
            messages.emplace_back(block, static_cast<std::size_t>(count));
        }
        return messages;
    }

  private:
    const int socket_;
};

class SupervisorTest : public testing::Test {
  protected:
    SupervisorTest() {
        std::string pattern = testing::TempDir() + "supervisor-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~SupervisorTest() override { std::filesystem::remove_all(folder_); }

    RecordingSink sink_;
    std::string folder_;
};

TEST_F(SupervisorTest, HearsEachStateAsOneDatagram) {
    const Listening systemd(folder_ + "/notify");
    Supervisor supervisor({{"NOTIFY_SOCKET", folder_ + "/notify"}}, Logger(sink_));
    supervisor.ready("ready on [::1]:7700");
    supervisor.alive();
    supervisor.reloading();
    supervisor.stopping("two\nlines");
    EXPECT_THAT(systemd.heard(), ElementsAre("READY=1\nSTATUS=ready on [::1]:7700", "WATCHDOG=1",
                                             MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"),
                                             "STOPPING=1\nSTATUS=two lines"));
    EXPECT_THAT(sink_.events, IsEmpty());
}

TEST_F(SupervisorTest, MayListenAtAnAbstractAddress) {
    const std::string address = "@parley/" + folder_;
    const Listening systemd(address);
    Supervisor({{"NOTIFY_SOCKET", address}}, Logger(sink_)).alive();
    EXPECT_THAT(systemd.heard(), ElementsAre("WATCHDOG=1"));
}

TEST_F(SupervisorTest, ThatIsNotThereIsToldNothing) {
    Supervisor supervisor({}, Logger(sink_));
    supervisor.ready("x");
    supervisor.alive();
    EXPECT_FALSE(supervisor.period());
    EXPECT_THAT(sink_.events, IsEmpty());
}

TEST_F(SupervisorTest, ThatCannotBeReachedIsAWarning) {
    for (const std::string& address : {folder_ + "/nobody", "/" + std::string(200, 'x')}) {
        Supervisor({{"NOTIFY_SOCKET", address}}, Logger(sink_)).ready("x");
        EXPECT_THAT(sink_.events, ElementsAre("supervisor.not_told")) << address;
        sink_.events.clear();
    }
}

TEST_F(SupervisorTest, WatchesIfItSaysSoToThisProcess) {
    const std::string own = std::to_string(::getpid());
    const auto period = [&](Environment environment) {
        environment.emplace("NOTIFY_SOCKET", folder_ + "/notify");
        return Supervisor(environment, Logger(sink_)).period();
    };
    EXPECT_EQ(period({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", own}}), 7500ms);
    EXPECT_EQ(period({{"WATCHDOG_USEC", "30000000"}}), 7500ms);
    EXPECT_EQ(period({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "1" + own}}), std::nullopt);
    EXPECT_EQ(period({{"WATCHDOG_USEC", "18446744073709551615"}}), 24h);
    for (const char* wrong : {"", "0", "-1", "soon", "99999999999999999999"}) {
        EXPECT_EQ(period({{"WATCHDOG_USEC", wrong}}), std::nullopt) << wrong;
    }
}

}  // namespace
}  // namespace parley::parleyd
