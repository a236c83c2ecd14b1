// An implementation of WebSocket that is not ours, on the other end: Python's `websockets`, in a
// process of its own.
#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/unique_fd.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <vector>

namespace parley::asio {
namespace {

using testing::dial;
using testing::Dialed;
using testing::Peer;
using testing::run_until;
using testing::send;
using testing::Server;
using testing::target_of;

// The system's interpreter: the one that has the distribution's packages.
constexpr const char* kPython = "/usr/bin/python3";

// A process whose standard output is read.
class Process {
  public:
    explicit Process(std::vector<std::string> arguments) {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        output_.reset(ends[0]);
        const UniqueFd theirs(ends[1]);
        ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
        std::vector<char*> raw;
        for (std::string& argument : arguments) {
            raw.push_back(argument.data());
        }
        raw.push_back(nullptr);
        started_ = posix_spawn(&pid_, raw[0], &actions, nullptr, raw.data(), environ) == 0;
        posix_spawn_file_actions_destroy(&actions);
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process() { wait(); }

    const std::string& output() {
        std::array<char, 4096> buffer{};
        ssize_t got = 0;
        while ((got = ::read(output_.get(), buffer.data(), buffer.size())) > 0) {
            text_.append(buffer.data(), static_cast<std::size_t>(got));
        }
        ended_ = ended_ || got == 0;
        return text_;
    }
    bool ended() {
        output();
        return ended_ || !started_;
    }
    int wait() {
        if (started_) {
            started_ = false;
            if (!ended_) {
                ::kill(pid_, SIGKILL);
            }
            ::waitpid(pid_, &status_, 0);
        }
        return status_;
    }

  private:
    pid_t pid_ = -1;
    bool started_ = false;
    bool ended_ = false;
    int status_ = -1;
    UniqueFd output_;
    std::string text_;
};

// The process is no part of the loop: a timer keeps the turns coming.
bool run_beside(AsioLoop& loop, const std::function<bool()>& condition) {
    io::Timer tick;
    std::function<void()> again = [&] {
        tick = loop.call_at(loop.now() + std::chrono::milliseconds(2), [&] { again(); });
    };
    again();
    return run_until(loop, condition);
}

bool python_has_websockets(AsioLoop& loop) {
    Process probe({kPython, "-c", "import websockets; print('yes')"});
    run_beside(loop, [&] { return probe.ended(); });
    return probe.output() == "yes\n";
}

std::vector<std::string> command(const std::string& role) {
    return {kPython,
            std::string(PARLEY_SOURCE_DIR) + "/src/adapters/asio/testing/websockets_peer.py", role};
}

TEST(InteropPython, ItsClientTalksToOurServerInBothSubprotocols) {
    AsioLoop loop;
    if (!python_has_websockets(loop)) {
        GTEST_SKIP() << kPython << " has no module websockets (python3-websockets)";
    }
    Server server(loop);
    server.echoes = true;
    auto arguments = command("client");
    arguments.push_back(std::to_string(server.port()));
    Process client(arguments);
    EXPECT_TRUE(run_beside(loop, [&] { return client.ended(); }));
    EXPECT_EQ(client.output(), "ok\n");
    EXPECT_EQ(client.wait(), 0);
    ASSERT_EQ(server.peers.size(), 4u);
    EXPECT_EQ(server.peers[0]->end->code, 4567);
    EXPECT_EQ(server.peers[1]->end->code, io::close_code::kUnsupportedData);
}

TEST(InteropPython, OurClientTalksToItsServerInBothSubprotocols) {
    AsioLoop loop;
    if (!python_has_websockets(loop)) {
        GTEST_SKIP() << kPython << " has no module websockets (python3-websockets)";
    }
    for (const char* subprotocol : {testing::kProto, testing::kJson}) {
        Process server(command("server"));
        ASSERT_TRUE(run_beside(loop, [&] {
            return server.output().find('\n') != std::string::npos || server.ended();
        }));
        const std::string port = server.output().substr(0, server.output().find('\n'));
        Dialed dialed = dial(loop, target_of("ws://127.0.0.1:" + port, subprotocol));
        ASSERT_TRUE(dialed) << dialed.error().description;
        Peer client(std::move(dialed).value());
        std::vector<std::string> sent;
        for (const std::size_t size : {0u, 1u, 126u, 65536u, 300000u}) {
            sent.emplace_back(size, 'x');
            send(*client.channel, sent.back());
        }
        EXPECT_TRUE(run_beside(loop, [&] { return client.messages.size() == sent.size(); }));
        EXPECT_EQ(client.messages, sent);
        client.channel->close(3210, "done");
        EXPECT_TRUE(run_beside(loop, [&] { return client.end && server.ended(); }));
        EXPECT_EQ(client.end->code, 3210);
        EXPECT_TRUE(server.output().ends_with("\nok\n")) << server.output();
        EXPECT_EQ(server.wait(), 0);
    }
}

// Every close code, fragments, UTF-8, reserved bits, masks and lengths, as a server may send them.
TEST(InteropPython, OurClientTakesAndRefusesWhatAServerMaySend) {
    AsioLoop loop;
    if (!python_has_websockets(loop)) {
        GTEST_SKIP() << kPython << " has no module websockets (python3-websockets)";
    }
    Process server(command("cases"));
    const auto has_lines = [&] {
        return std::count(server.output().begin(), server.output().end(), '\n') >= 3;
    };
    ASSERT_TRUE(run_beside(loop, [&] { return has_lines() || server.ended(); }));
    std::istringstream lines(server.output());
    std::string port;
    std::getline(lines, port);
    for (const char* subprotocol : {testing::kProto, testing::kJson}) {
        std::string line;
        std::getline(lines, line);
        std::istringstream codes(line);
        int number = 0;
        for (int code = 0; codes >> code; ++number) {
            Dialed dialed = dial(loop, target_of("ws://127.0.0.1:" + port, subprotocol));
            ASSERT_TRUE(dialed) << dialed.error().description;
            Peer client(std::move(dialed).value());
            EXPECT_TRUE(run_beside(loop, [&] { return client.end.has_value(); }));
            EXPECT_EQ(client.end->code, code) << subprotocol << ", case " << number;
        }
        EXPECT_GT(number, 10);
    }
    EXPECT_TRUE(run_beside(loop, [&] { return server.ended(); }));
    EXPECT_TRUE(server.output().ends_with("\nok\n")) << server.output();
    EXPECT_EQ(server.wait(), 0);
}

}  // namespace
}  // namespace parley::asio
