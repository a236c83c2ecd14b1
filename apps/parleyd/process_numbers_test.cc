#include "process_numbers.h"

#include "io/testing/manual_loop.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>

namespace parley::parleyd {
namespace {

double number(const ProcessNumbers& numbers, const std::string& name) {
    MetricsText text;
    numbers.write(text);
    const auto at = text.text().find("\n" + name + " ");
    EXPECT_NE(at, std::string::npos) << name << " is not in\n" << text.text();
    return std::strtod(text.text().c_str() + at + 2 + name.size(), nullptr);
}

TEST(ProcessNumbers, TellsWhatTheKernelSays) {
    io::ManualLoop loop;
    const ProcessNumbers numbers(loop);
    EXPECT_GT(number(numbers, "process_resident_memory_bytes"), 1'000'000);
    EXPECT_GE(number(numbers, "process_threads"), 1);
    EXPECT_EQ(number(numbers, "process_max_fds"), static_cast<double>(::sysconf(_SC_OPEN_MAX)));
    const auto now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
    EXPECT_NEAR(number(numbers, "process_start_time_seconds"), now.count(), 600);
}

TEST(ProcessNumbers, LooksAgainAfterAWhile) {
    io::ManualLoop loop;
    const ProcessNumbers numbers(loop);
    const double before = number(numbers, "process_open_fds");
    const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(number(numbers, "process_open_fds"), before);
    loop.advance(std::chrono::seconds(5));
    EXPECT_EQ(number(numbers, "process_open_fds"), before + 1);
    ::close(descriptor);
}

}  // namespace
}  // namespace parley::parleyd
