#include "operations.h"

#include "counted.h"

#include <benchmark/benchmark.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <regex>
#include <string_view>
#include <utility>

namespace parley::bench {
namespace {

void count(Operation& operation) {
    Task call = operation.make();
    const std::size_t calls = operation.counted;
    for (std::size_t i = 0; i < calls; ++i) {
        call();  // What is allocated or read once is not what a call costs.
    }
    parley_counted(call, calls);
    parley_counted(call, 3 * calls);
    std::printf("%s\t%zu\t%zu\t%zu\t%d\n", operation.name.c_str(), operation.items, calls,
                3 * calls, static_cast<int>(::getpid()));
}

// Each operation in a process of its own: the heap that it finds is not what others left.
int count_all(std::vector<Operation>& operations, const std::string& only) {
    const std::regex wanted(only);
    for (Operation& operation : operations) {
        if (operation.counted == 0 || !std::regex_search(operation.name, wanted)) {
            continue;
        }
        std::fflush(stdout);
        const pid_t child = ::fork();
        if (child == 0) {
            count(operation);
            std::exit(0);
        }
        int status = 0;
        if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) {
            std::fprintf(stderr, "%s: its process ended with status %d\n", operation.name.c_str(),
                         status);
            return 1;
        }
    }
    return 0;
}

void time(benchmark::State& state, Operation& operation) {
    Task call = operation.make();
    for ([[maybe_unused]] auto _ : state) {
        call();
    }
    const auto calls = static_cast<std::int64_t>(state.iterations());
    state.SetItemsProcessed(calls * static_cast<std::int64_t>(operation.items));
    if (operation.bytes > 0) {
        state.SetBytesProcessed(calls * static_cast<std::int64_t>(operation.bytes));
    }
}

}  // namespace

int run(int argc, char** argv, std::vector<Operation> operations) {
    if (argc > 1 && std::string_view(argv[1]) == "--count") {
        return count_all(operations, argc > 2 ? argv[2] : "");
    }
    for (Operation& operation : operations) {
        benchmark::RegisterBenchmark(operation.name.c_str(), time, std::ref(operation))
            ->UseRealTime();
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
        return 2;
    }
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}

}  // namespace parley::bench
