#pragma once

#include "base/task.h"

#include <cstddef>
#include <string>
#include <vector>

// What the programs of this folder measure, in two ways from the same code: time, with Google
// Benchmark, and instructions, with callgrind (bench/count.py). So an operation is deterministic:
// inputs from seeds, a loop in the hand of the program, no clock.
namespace parley::bench {

struct Operation {
    std::string name;  // "codec/decode masked/1024": what, how, how large
    // Makes a world of its own and returns what is measured: one call of it. Called again for each
    // measurement.
    UniqueFunction<Task()> make;
    std::size_t items = 1;  // messages, events or frames in one call: figures are of one of these
    std::size_t bytes = 0;  // of content in one call, where bytes a second say something
    // Calls that count.py counts, and then three times as many: the difference is divided. 0: it
    // is not counted, as its work is done by other threads.
    std::size_t counted = 64;
};

// The main() of each program.
//   PROGRAM [--benchmark_...]    times every operation
//   PROGRAM --count [REGEX]      runs the fixed numbers of calls under callgrind; one line for each
//                                operation: name, items, the two numbers of calls
int run(int argc, char** argv, std::vector<Operation> operations);

}  // namespace parley::bench
