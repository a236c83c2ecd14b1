#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "codec.h"
#include "target.h"
#include "ticks.h"
#include "wire/frames.h"

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace parley::bench {

// What the connections of a reactor tell, on its thread, within wait(). A connection is known by
// its index. It may be dropped, and others connected and written to, in any of these calls.
class Observer {
  public:
    virtual ~Observer() = default;
    // The connection stands: the bytes of its Hello.
    virtual Bytes hello_of(std::uint32_t index) = 0;
    virtual void on_welcome(std::uint32_t index, const wire::Welcome& welcome) = 0;
    virtual void on_answer(std::uint32_t index, std::string_view message_id) = 0;
    virtual void on_incoming(std::uint32_t index, std::string_view message_id) = 0;
    virtual void on_delivered(std::uint32_t index, std::string_view message_id) = 0;
    // A submission was refused, for some recipient at least.
    virtual void on_refused(std::uint32_t index, const std::string& why) = 0;
    // The connection could not be made or is lost. Not called for one that was dropped.
    virtual void on_end(std::uint32_t index, const std::string& why) = 0;
};

// The connections of one thread: non-blocking sockets under one epoll. One read and at most one
// write a connection and turn; a connection that is idle holds a descriptor and 64 bytes. Events
// are acknowledged at the end of the turn in which they came. One thread, but for wake().
//
//   while (...) { reactor.wait(until); ... what is due ... reactor.flush(); }
class Reactor {
  public:
    Reactor(const Target& target, Observer& observer, std::size_t connections, std::uint64_t seed);
    Reactor(const Reactor&) = delete;
    ~Reactor();

    void connect(std::uint32_t index);
    // Closes at once what is there.
    void drop(std::uint32_t index);
    bool is_open(std::uint32_t index) const { return at(index).state == State::open; }
    // Where to append frames for an open connection; written by flush().
    Bytes& output(std::uint32_t index);
    websocket::MaskKey mask();

    // Reads what has come, or waits for something until then.
    void wait(Nanos until);
    // Writes what the turn has produced.
    void flush();
    // Ends a wait(). From any thread.
    void wake();
    // When the bytes that are being handled were read, or the clock was last looked at.
    Nanos now() const { return now_; }
    void look_at_clock() { now_ = ticks(); }

  private:
    enum class State : std::uint8_t { closed, connecting, securing, upgrading, greeting, open };
    struct FreeTls {
        void operator()(ssl_st* tls) const;
    };
    struct Connection {
        int fd = -1;
        std::uint32_t generation = 0;  // an event of an earlier one may still be in the batch
        State state = State::closed;
        bool dirty = false;
        bool waits_for_room = false;
        std::unique_ptr<ssl_st, FreeTls> tls;
        std::unique_ptr<Bytes> out;      // only while something is unsent
        std::unique_ptr<Bytes> partial;  // only while a frame is incomplete
        std::uint64_t received = 0;
        std::uint64_t acknowledged = 0;
    };

    const Connection& at(std::uint32_t index) const { return connections_[index]; }
    Connection& at(std::uint32_t index) { return connections_[index]; }
    void fail(std::uint32_t index, const std::string& why);
    void watch(std::uint32_t index, int operation, std::uint32_t events);
    bool make_socket(Connection& connection, std::string& why);
    void handle(std::uint32_t index, std::uint32_t events);
    void connected(std::uint32_t index);
    void secure(std::uint32_t index);
    void begin_upgrade(std::uint32_t index);
    void read(std::uint32_t index);
    // Bytes read into `to`; 0: nothing now; negative: the end, with why.
    std::ptrdiff_t receive(Connection& connection, char* to, std::size_t room, std::string& why);
    std::size_t consume(std::uint32_t index, std::string_view bytes);
    std::size_t consume_upgrade(std::uint32_t index, std::string_view bytes);
    void take_frame(std::uint32_t index, unsigned opcode, std::string_view payload);
    void take_message(std::uint32_t index, std::string_view frame);
    void take_events(std::uint32_t index, std::string_view body);
    void take_other(std::uint32_t index, std::string_view frame);
    void write(std::uint32_t index);
    std::unique_ptr<Bytes> take_buffer();
    void give_back(std::unique_ptr<Bytes> buffer);

    const Target& target_;
    Observer& observer_;
    std::vector<Connection> connections_;
    std::vector<std::uint32_t> dirty_, dirty_next_;
    std::vector<std::unique_ptr<Bytes>> buffers_;
    std::unique_ptr<char[]> scratch_;
    std::array<epoll_event, 512> events_{};
    Random random_;
    std::size_t next_source_ = 0;
    int epoll_ = -1;
    int wake_ = -1;
    Nanos now_ = 0;
};

}  // namespace parley::bench
