// From arguments to an exit code. The wiring is in server.cc.

#include "adapters/asio/clock.h"
#include "check.h"
#include "command_line.h"
#include "commands/commands.h"
#include "heartbeat.h"
#include "process.h"
#include "server.h"
#include "settings_file.h"
#include "stderr_log.h"
#include "supervisor.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

extern char** environ;

namespace parley::parleyd {
namespace {

// A drain may take 8 s (drain.timeout), all of it 10 s (docs/cli.md).
constexpr std::chrono::milliseconds kDrainMost{8'800};
constexpr std::chrono::seconds kTeardownMost{1};

std::map<std::string, std::string> environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const auto equals = text.find('=');
        if (equals != std::string_view::npos) {
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return variables;
}

// All sources, read now.
Loaded load(const CommandLine& line) {
    const auto variables = environment();
    SettingsFile file;
    if (line.config_file) {
        file = read_settings_file(*line.config_file);
    } else if (const auto named = variables.find("PARLEY_CONFIG"); named != variables.end()) {
        file = read_settings_file(named->second);
    }
    return load_settings(file, variables, line.given);
}

int check(Loaded loaded) {
    Findings found = look_around(loaded, asio::SystemWallClock().now());
    for (const std::string& note : found.notes) {
        complain("note: " + note);
    }
    std::move(found.mistakes.begin(), found.mistakes.end(), std::back_inserter(loaded.problems));
    for (const std::string& variable : loaded.unknown_variables) {
        complain("note: " + variable + " is set and means nothing to parleyd");
    }
    for (const std::string& problem : loaded.problems) {
        complain(problem);
    }
    if (!loaded.problems.empty()) {
        return exit_code::kUsage;
    }
    std::puts("parleyd: the configuration is valid");
    return exit_code::kOk;
}

// SIGHUP: what can change in a running server. Each part by itself; "reloaded" is all of it.
// `done` runs on some thread, when all of it was tried.
void reload(const CommandLine& line, Server& server, StderrLog& sink, Task done) {
    const Logger log(sink);
    const Loaded loaded = load(line);
    for (const std::string& problem : loaded.problems) {
        log.warn("settings.not_reloaded", {{"problem", problem}});
    }
    if (loaded.problems.empty()) {
        sink.set_level(loaded.settings.log_level);
    }
    const auto certificate = server.reload_certificate();
    if (!certificate) {
        log.warn("certificate.not_reloaded", {{"problem", certificate.error().description}});
    }
    server.reload_applications([log, level = loaded.settings.log_level,
                                is_good = loaded.problems.empty() && certificate.has_value(),
                                done = std::move(done)](bool are_read) mutable {
        if (is_good && are_read) {
            log.info("server.reloaded", {{"level", to_string(level)}});
        }
        done();
    });
}

void say_ready(const Server& server) {
    if (const auto admin = server.administration()) {
        std::printf("parleyd admin on %s\n", to_string(*admin).c_str());
    }
    std::printf("parleyd ready on %s\n", to_string(server.listening()).c_str());
    std::fflush(stdout);
}

// Until somebody asks for the end.
void serve(const CommandLine& line, Server& server, Events& events, Supervisor& supervisor,
           StderrLog& sink) {
    using Event = Events::Event;
    const std::string status = "ready on " + to_string(server.listening());
    supervisor.ready(status);
    Heartbeat heartbeat(
        server.loops(),
        [&server](std::size_t loop, int thread) {
            return (loop == Server::kStoreLoop && server.is_committing()) || waits_for_disk(thread);
        },
        Logger(sink));
    const auto period = supervisor.period();
    auto next_beat = std::chrono::steady_clock::now();
    const auto reloads = std::make_shared<std::atomic<int>>(0);  // under way
    for (;;) {
        if (period && std::chrono::steady_clock::now() >= next_beat) {
            if (heartbeat.beat()) {
                supervisor.alive();
            }
            next_beat = std::chrono::steady_clock::now() + *period;
        }
        const Event event = period ? events.wait_until(next_beat) : events.wait();
        if (event == Event::terminate) {
            return;
        }
        if (event == Event::reload) {
            supervisor.reloading();
            ++*reloads;
            reload(line, server, sink, [&events, reloads] {
                --*reloads;
                events.notify();
            });
        }
        if (event == Event::notified && *reloads == 0) {
            supervisor.ready(status);
        }
    }
}

void drain(Server& server, Events& events, StderrLog& sink) {
    const Logger log(sink);
    using Event = Events::Event;
    log.info("server.draining");
    const auto latest = std::chrono::steady_clock::now() + kDrainMost;
    // A reload that ends meanwhile notifies too.
    std::atomic<bool> drained = false;
    server.drain([&] {
        drained = true;
        events.notify();
    });
    for (;;) {
        switch (events.wait_until(latest)) {
            case Event::notified:
                if (drained) {
                    log.info("server.drained");
                    return;
                }
                break;
            case Event::terminate:
                // Nothing that was said is lost by this.
                log.warn("server.forced");
                sink.flush();
                ::_exit(exit_code::kOk);
            case Event::timed_out:
                log.warn("server.drain_timed_out");
                sink.flush();
                ::_exit(exit_code::kOk);
            case Event::reload:
                break;
        }
    }
}

int run(const CommandLine& line, const Loaded& loaded) {
    Events events;
    StderrLog sink(loaded.settings.log_level, loaded.settings.log_format);
    const Logger log(sink);
    for (const std::string& variable : loaded.unknown_variables) {
        log.warn("settings.unknown_variable", {{"name", variable}});
    }
    Server server(loaded.settings, raise_descriptor_limit(), sink, loaded.where);
    if (const auto opened = server.open(); !opened) {
        complain(opened.error().description);
        return exit_code_of(opened.error());
    }
    server.run();
    // What the start had to say is there before others go on because of it.
    sink.flush();
    say_ready(server);
    Supervisor supervisor(environment(), log);
    serve(line, server, events, supervisor, sink);
    supervisor.stopping("sending sessions away");
    drain(server, events, sink);
    Events::end_process_on_signal_or_after(kTeardownMost);
    return exit_code::kOk;
}

int start(int argc, const char* const* argv) {
    const std::vector<CommandSpec> commands = all_commands();
    const CommandLine line = parse_command_line(argc, argv, commands);
    if (line.problem) {
        complain(*line.problem);
        return exit_code::kUsage;
    }
    if (line.action == Action::print) {
        std::fputs(line.text.c_str(), stdout);
        return exit_code::kOk;
    }
    Loaded loaded = load(line);
    if (line.action == Action::check) {
        return check(std::move(loaded));
    }
    for (const std::string& problem : loaded.problems) {
        complain(problem);
    }
    if (!loaded.problems.empty()) {
        return exit_code::kUsage;
    }
    return line.action == Action::command ? line.command->run({loaded.settings, line.arguments})
                                          : run(line, loaded);
}

}  // namespace
}  // namespace parley::parleyd

int main(int argc, char** argv) {
    try {
        return parley::parleyd::start(argc, argv);
    } catch (const std::exception& error) {
        // Out of memory, for one: the rest is returned.
        std::fprintf(stderr, "parleyd: cannot go on: %s\n", error.what());
        return parley::parleyd::exit_code::kStore;
    }
}
