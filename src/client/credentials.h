#pragma once

#include "base/time.h"
#include "protocol/backoff.h"

#include <cstdint>
#include <optional>
#include <string>

namespace parley::client {

// What is known about the token: whether there is one, whether it holds, and when the app must be
// asked for another. No more than one question is open at a time (R22).
class Credentials {
  public:
    explicit Credentials(std::uint64_t seed) : backoff_(seed) {}

    enum class Need { none, missing, ends_soon, refused };
    // What the app should be asked for now. The question counts as asked.
    Need ask(Instant now);
    // When ask() should be called next.
    std::optional<Instant> deadline() const;

    // There is one, and it was not refused and has not ended.
    bool usable(Instant now) const { return !token_.empty() && (!ends_ || now < *ends_); }
    const std::string& token() const { return token_; }

    void begin();  // start() was called: a refusal before that counts no more
    void set(std::string token);
    void denied(Instant now);  // the app has none to give
    // A session was opened, or goes on, with the token; it ends then.
    void accepted(Instant now, std::optional<Instant> ends);
    // The server does not take it. True: it was the second one in a row, asking again is of no use.
    bool refused();

  private:
    protocol::Backoff backoff_;
    std::string token_;
    std::optional<Instant> ends_;
    std::optional<Instant> ask_at_;  // before it ends, and after the app had none
    bool asked_ = false;
    bool refused_ = false;           // the last token was
    bool replaces_refused_ = false;  // this token was asked for because the one before was refused
    bool accepted_ = false;          // this token was
};

}  // namespace parley::client
