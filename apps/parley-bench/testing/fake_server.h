#pragma once

#include "wire/frames.h"
#include "wire/websocket/decoder.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace parley::bench {

// A server in this process, on a thread and a port of its own, that keeps mailboxes in memory and
// reads and writes with wire and the WebSocket decoder. It welcomes who has answered its ping,
// sends frames in pieces, and answers at once, except as the behaviour says. Destroying it closes
// everything.
class FakeServer {
  public:
    struct Behaviour {
        // Before this submission is answered, the server stands still for so long. 0: never.
        std::size_t stall_at = 0;
        std::chrono::milliseconds stall{0};
        // From this submission on it answers nothing. 0: never.
        std::size_t mute_from = 0;
        // This submission is refused. 0: none.
        std::size_t refuse_at = 0;
        // Called on the server's thread with the number of each submission, from 1.
        std::function<void(std::size_t)> on_submission = {};
    };
    explicit FakeServer(Behaviour behaviour);
    FakeServer(const FakeServer&) = delete;
    ~FakeServer();

    std::string url() const { return "ws://127.0.0.1:" + std::to_string(port_); }
    std::size_t submissions() const { return submissions_; }
    std::size_t hellos() const { return hellos_; }
    // How many users said one.
    std::size_t users() const { return users_; }
    // From how many they came.
    std::size_t addresses() const { return addresses_; }

  private:
    struct Peer {
        int fd = -1;
        std::string head;  // of the HTTP request, until it is upgraded
        bool upgraded = false;
        std::string user;
        Sequence cursor;
        bool welcomed = false;
        std::size_t told = 0;  // events of the mailbox that were sent
        Sequence acknowledged;
        std::unique_ptr<websocket::Decoder> decoder;
    };
    struct Mailbox {
        std::vector<wire::Event> events;
        Sequence receipted;
    };

    void run();
    void accept_all();
    bool read(Peer& peer);
    void take(Peer& peer, std::string bytes);
    void upgrade(Peer& peer);
    void take(Peer& peer, const wire::ClientFrame& frame);
    void welcome(Peer& peer);
    void submit(Peer& peer, const wire::Submit& submit);
    void acknowledge(Peer& peer, Sequence upto);
    void append(const std::string& user, decltype(wire::Event::kind) kind);
    void tell(Peer& peer);
    void send(Peer& peer, const wire::ServerFrame& frame);
    void write(Peer& peer, std::string_view bytes);

    Behaviour behaviour_;
    int listener_ = -1;
    int stop_ = -1;
    int port_ = 0;
    std::map<int, Peer> peers_;
    std::map<std::string, Mailbox> mailboxes_;
    std::uint64_t sequence_ = 0;
    std::atomic<std::size_t> submissions_{0};
    std::atomic<std::size_t> hellos_{0};
    std::set<std::uint32_t> came_from_;
    std::atomic<std::size_t> addresses_{0};
    std::set<std::string> said_hello_;
    std::atomic<std::size_t> users_{0};
    std::thread thread_;
};

}  // namespace parley::bench
