// The headers without a file of their own: each stands alone, and ids do what their users rely on.
#include "base/assert.h"
#include "base/bytes.h"
#include "base/frame_sink.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/task.h"
#include "base/time.h"

#include <gtest/gtest.h>

#include <unordered_map>

namespace parley {
namespace {

TEST(StrongId, OrdersAndHashesLikeItsValue) {
    EXPECT_LT(Sequence(1), Sequence(2));
    EXPECT_EQ(UserId("a"), UserId("a"));
    std::unordered_map<MailboxId, int> mailboxes;
    mailboxes[{ApplicationKey("k"), UserId("a")}] = 1;
    mailboxes[{ApplicationKey("k"), UserId("b")}] = 2;
    EXPECT_EQ((mailboxes[{ApplicationKey("k"), UserId("a")}]), 1);
}

TEST(UniqueFunction, OwnsWhatItCapturesAndMoves) {
    auto number = std::make_unique<int>(41);
    UniqueFunction<int(int)> add = [number = std::move(number)](int more) {
        return *number + more;
    };
    UniqueFunction<int(int)> moved = std::move(add);
    EXPECT_FALSE(add);
    EXPECT_EQ(moved(1), 42);
}

TEST(WallTime, CountsMilliseconds) {
    EXPECT_EQ(to_ms(wall_time_from_ms(1514862245000)), 1514862245000);
}

TEST(AssertDeathTest, NamesTheConditionAndThePlace) {
    EXPECT_DEATH(PARLEY_ASSERT(1 + 1 == 3),
                 "values_test.cc:[0-9]+: assertion failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace parley
