#pragma once

#include "base/time.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace parley::parleyd {

// Keeps a log readable when one thing goes wrong many times: of each event only the first lines of
// a period pass, the others are counted. Its memory is bounded: events beyond kEvents share one
// account. Not safe for several threads.
class LogLimit {
  public:
    static constexpr std::uint32_t kLines = 20;
    static constexpr Duration kPeriod = std::chrono::seconds(10);
    static constexpr std::size_t kEvents = 256;

    struct Suppressed {
        std::string event;
        std::uint64_t count;
    };

    // Whether this line is to be written.
    bool pass(std::string_view event, Instant now);
    // What was held back in periods that are over by `now`, in the order of the names; each is told
    // once.
    std::vector<Suppressed> take_suppressed(Instant now);
    // The same for all periods, at the end.
    std::vector<Suppressed> take_all_suppressed();

  private:
    struct Account {
        Instant began{};
        std::uint32_t passed = 0;
        std::uint64_t suppressed = 0;
    };

    std::vector<Suppressed> take(bool all, Instant now);

    std::map<std::string, Account, std::less<>> accounts_;
    // No period with held back lines ends before this.
    Instant next_end_ = Instant::max();
};

}  // namespace parley::parleyd
