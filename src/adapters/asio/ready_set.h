#pragma once

#include "adapters/asio/unique_fd.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/epoll.h>
#include <array>
#include <cstddef>
#include <cstdint>

namespace parley::asio {

// What a descriptor is ready for.
struct Readiness {
    bool read = false;    // there is something to read, an end or an error included
    bool write = false;   // there is room
    bool ended = false;   // the peer sends nothing more: what is read short is not all
    bool broken = false;  // lost, or closed on both sides
};

class ReadyObserver {
  public:
    virtual void on_ready(Readiness readiness) = 0;

  protected:
    ~ReadyObserver() = default;
};

// The sockets of all channels of one loop: an epoll descriptor of their own, for which Asio waits.
// A socket is entered once, and told of changes only (edge-triggered, epoll(7)): it has to be read
// until it is empty. Beside one wait of Asio for each reading this saves a system call for each,
// and for an idle connection Asio's entry and its handler, some 350 bytes. For the .cc files of
// this folder.
class ReadySet {
  public:
    explicit ReadySet(boost::asio::io_context& context);
    ReadySet(const ReadySet&) = delete;
    ReadySet& operator=(const ReadySet&) = delete;
    ~ReadySet() = default;

    // Told from now on, also of what is ready already. The observer outlives its entry. False: the
    // system has no memory for it, and nothing will be told.
    [[nodiscard]] bool add(int descriptor, ReadyObserver& observer);
    // Before the descriptor is closed. Also from within on_ready() of any observer.
    void remove(int descriptor, ReadyObserver& observer);
    // Waits for the next ones; once a turn.
    void arm();

  private:
    static constexpr std::size_t kServedPerTurn = 64;

    void serve();

    UniqueFd epoll_;
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> wait_;
    bool armed_ = false;
    // What is being told; whoever leaves meanwhile is taken out.
    std::array<epoll_event, kServedPerTurn> events_;
    std::size_t next_ = 0;
    std::size_t count_ = 0;
};

}  // namespace parley::asio
