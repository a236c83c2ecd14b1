#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace parley::testing {

// A real parleyd in a folder of its own, on a port of its own. It can be killed and started again
// on the same data.
class ServerProcess {
  public:
    ServerProcess();
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    // Starts it and waits until it is ready; the first time on a free port, later on the same one.
    // False: it did not start.
    bool start();
    void kill();  // kill -9
    bool stop();  // SIGTERM; true if it ended with 0

    std::string url() const { return "ws://127.0.0.1:" + std::to_string(port_); }
    // Of application.json.
    const std::string& application_key() const { return key_; }
    const std::string& application_secret() const { return secret_; }
    // For local stores; goes with the server.
    std::string folder(const std::string& name) const { return folder_ + "/" + name; }

  private:
    void read_application();
    int wait_for_end();

    std::string folder_;
    std::uint16_t port_ = 0;
    pid_t process_ = 0;
    std::string key_;
    std::string secret_;
};

}  // namespace parley::testing
