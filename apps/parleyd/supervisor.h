#pragma once

#include "base/log.h"
#include "base/time.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace parley::parleyd {

// What started this process and wants to know how it is: systemd, by the protocol of sd_notify(3),
// one datagram a message. Without one ($NOTIFY_SOCKET is not set) all calls do nothing. Belongs to
// the main thread; a call takes at most a second where the other side does not read, and what it
// could not say is a warning in the log.
class Supervisor {
  public:
    // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    Supervisor(const std::map<std::string, std::string>& environment, Logger log);
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;
    ~Supervisor();

    // Start and reload are over. `status` is one line for people.
    void ready(std::string_view status);
    void reloading();
    void stopping(std::string_view status);
    // All is well; to be said once in each period.
    void alive();

    // How often alive() is wanted: four times in the time after which the supervisor ends a process
    // that said nothing. Nothing: it does not watch.
    std::optional<Duration> period() const { return period_; }

  private:
    void say(const std::string& message);

    const std::string address_;  // '@' in front: abstract, in no folder
    const Logger log_;
    std::optional<Duration> period_;
    int socket_ = -1;
};

}  // namespace parley::parleyd
