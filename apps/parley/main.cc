#include "command_line.h"
#include "session.h"

#include <clocale>
#include <csignal>
#include <exception>
#include <iostream>

int main(int argc, char** argv) {
    using namespace parley::cli;
    std::setlocale(LC_TIME, "");
    // A reader that has gone is an error of write(), which says what was not written.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const auto parsed = parse_command_line(argc, argv);
        if (const int* code = std::get_if<int>(&parsed)) {
            return *code;
        }
        const auto& arguments = std::get<Arguments>(parsed);
        switch (arguments.verb) {
            case Verb::send:
                return run_send(arguments);
            case Verb::listen:
                return run_listen(arguments);
            case Verb::chat:
                return run_chat(arguments);
            case Verb::token:
                return run_token(arguments);
            case Verb::outbox:
                return run_outbox(arguments);
        }
    } catch (const std::exception& thrown) {
        // Memory, or a bug.
        std::cerr << "parley: " << thrown.what() << "\n";
    }
    return kUsage;
}
