#include "time_text.h"

#include <gtest/gtest.h>

namespace parley::parleyd {
namespace {

TEST(TimeText, IsRfc3339InUtcWithMilliseconds) {
    EXPECT_EQ(to_rfc3339(wall_time_from_ms(1714564800123)), "2024-05-01T12:00:00.123Z");
    EXPECT_EQ(to_rfc3339(wall_time_from_ms(0)), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(wall_time_from_ms(-1)), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace parley::parleyd
