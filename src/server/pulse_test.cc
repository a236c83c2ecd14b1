#include "server/pulse.h"

#include "io/testing/manual_loop.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

using namespace std::chrono_literals;

HistogramValues lag_of(const Pulse& pulse) {
    HistogramValues values;
    pulse.lag().add_to(values);
    return values;
}

TEST(Pulse, BeatsWhileTheLoopTurns) {
    io::ManualLoop loop;
    const Pulse pulse(loop);
    loop.advance(60s);
    EXPECT_LE(pulse.age(loop.now()), Pulse::kEvery);
    EXPECT_FALSE(pulse.stuck(loop.now()));
    EXPECT_EQ(lag_of(pulse).counts.front(), 60s / Pulse::kEvery);
    EXPECT_EQ(lag_of(pulse).sum, 0);
}

TEST(Pulse, TellsALoopThatIsStuckByTheClockOfAnother) {
    io::ManualLoop loop;
    const Pulse pulse(loop);
    loop.advance(1s);
    const Instant last = loop.now();
    // The loop does not turn; another one looks.
    EXPECT_FALSE(pulse.stuck(last + Pulse::kStuckAfter - 1ms));
    EXPECT_TRUE(pulse.stuck(last + Pulse::kStuckAfter));
}

TEST(Pulse, MeasuresHowLateTheLoopRunsWhatIsDue) {
    io::ManualLoop loop;
    const Pulse pulse(loop);
    // What a turn that takes three seconds looks like from the next one.
    loop.post([&] { loop.stall(3s); });
    loop.advance(Pulse::kEvery);
    EXPECT_EQ(lag_of(pulse).sum, Duration(3s - Pulse::kEvery).count());
}

}  // namespace
}  // namespace parley::server
