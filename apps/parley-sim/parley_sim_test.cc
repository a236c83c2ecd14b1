#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <random>
#include <string>

namespace {

// What the program prints to standard output, in a process of its own.
std::string output_of(const std::string& arguments) {
    const std::string command = std::string(PARLEY_BIN_DIR) + "/parley-sim " + arguments;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), &pclose);
    std::string output;
    std::array<char, 4096> buffer{};
    while (pipe != nullptr) {
        const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe.get());
        if (count == 0) {
            break;
        }
        output.append(buffer.data(), count);
    }
    return output;
}

TEST(ParleySim, TheSameSeedGivesTheSameRunInAnotherProcess) {
    const std::string arguments = "--seed 65 --runs 2 --steps 60 2>/dev/null";
    const std::string one = output_of(arguments);
    EXPECT_NE(one.find("hash"), std::string::npos) << one;
    EXPECT_EQ(one, output_of(arguments));
}

TEST(ParleySim, ABadNumberIsOneLineThatNamesTheFlag) {
    for (const char* arguments :
         {"--seed x", "--seed -1", "--runs 0", "--steps 0", "--seed 99999999999999999999999"}) {
        const std::string output = output_of(std::string(arguments) + " 2>&1");
        const std::string flag(arguments, std::string(arguments).find(' '));
        EXPECT_EQ(output.find("parley-sim: " + flag + ": wants a whole number from"), 0u) << output;
        EXPECT_EQ(output.find('\n'), output.size() - 1) << output;
    }
}

TEST(ParleySim, RulesHoldForSeedsThatNobodyHasSeen) {
    std::random_device device;
    for (int i = 0; i < 6; ++i) {
        const std::string arguments = "--seed " + std::to_string(device()) + " --steps 120";
        std::printf("fresh: parley-sim %s\n", arguments.c_str());
        const std::string output = output_of(arguments + " 2>/dev/null");
        EXPECT_EQ(output.find("FAILED"), std::string::npos) << output;
        EXPECT_NE(output.find("1 runs:"), std::string::npos) << output;
    }
}

TEST(ParleySim, RefusesWhatItDoesNotKnow) {
    EXPECT_NE(output_of("--theme nonsense 2>&1").find("--theme"), std::string::npos);
}

}  // namespace
