#pragma once

namespace parley::cli {

// docs/cli.md; scripts depend on the numbers.
enum ExitCode : int {
    kReached = 0,
    kMessageFailed = 1,
    kUsage = 2,
    kRefused = 3,  // the session was refused for good
    kTimeout = 4,
    kStore = 5,          // the local store
    kInterrupted = 130,  // Ctrl-C while something was still awaited, as shells count it
};

}  // namespace parley::cli
