#pragma once

#include "base/ids.h"
#include "base/log.h"
#include "io/clock.h"
#include "parley/result.h"
#include "protocol/token.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace parley::server {

// The applications that this server serves, and their secrets.
using Applications = std::map<ApplicationKey, std::vector<std::string>>;

// Decides who a session is (R22). Each loop has its own.
class Authenticator {
  public:
    Authenticator(std::shared_ptr<const Applications> applications, std::string issuer_prefix,
                  io::WallClock& clock, Logger log);

    // Tokens are checked against these from now on.
    void set(std::shared_ptr<const Applications> applications);

    // What the token says, if it opens a session for this device. Errors: not_authenticated, whose
    // text does not tell the cause; the log does, with the address.
    Result<protocol::TokenClaims> check(std::string_view token, const DeviceId& device,
                                        std::string_view address) const;
    // What is left of a token, counted by the clock that it was checked with.
    Duration remaining(const protocol::TokenClaims& claims) const;

  private:
    std::shared_ptr<const Applications> applications_;
    const std::string issuer_prefix_;
    io::WallClock& clock_;
    Logger log_;
};

}  // namespace parley::server
