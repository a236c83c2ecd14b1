#include "line_reader.h"

#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

namespace parley::cli {
namespace {

std::pair<std::vector<std::string>, LineReader::State> read_all(const std::string& input,
                                                                std::size_t longest) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    EXPECT_EQ(::write(ends[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    ::close(ends[1]);
    const std::atomic<bool> stop = false;
    LineReader reader(ends[0], longest, stop);
    std::vector<std::string> lines;
    std::string line;
    auto state = reader.next(line);
    for (; state == LineReader::State::line; state = reader.next(line)) {
        lines.push_back(line);
    }
    ::close(ends[0]);
    return {lines, state};
}

TEST(LineReader, GivesLinesWithoutTheirEndsAndTheLastOneToo) {
    const auto [lines, state] = read_all("one\n\nthree\nlast", 100);
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "three", "last"}));
    EXPECT_EQ(state, LineReader::State::end);
}

TEST(LineReader, GivesNoLineForNothing) {
    const auto [lines, state] = read_all("", 100);
    EXPECT_TRUE(lines.empty());
    EXPECT_EQ(state, LineReader::State::end);
}

TEST(LineReader, StopsWaitingWhenItIsTold) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const std::atomic<bool> stop = true;
    LineReader reader(ends[0], 10, stop);
    std::string line;
    EXPECT_EQ(reader.next(line), LineReader::State::stopped);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(LineReader, StopsAtALineThatIsTooLong) {
    const auto [lines, state] = read_all("12345\n123456\nnever\n", 5);
    EXPECT_EQ(lines, std::vector<std::string>{"12345"});
    EXPECT_EQ(state, LineReader::State::too_long);
    EXPECT_EQ(read_all("123456", 5).second, LineReader::State::too_long);
}

}  // namespace
}  // namespace parley::cli
