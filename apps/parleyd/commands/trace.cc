// parleyd trace: a search in steps, so that it shows how far it is and can be interrupted.
#include "commands/commands.h"

#include "admin/router.h"
#include "process.h"
#include "words.h"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace parley::parleyd {
namespace {

using nlohmann::ordered_json;

std::string text_of(const ordered_json& json, const char* name) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) {
        return "";
    }
    return found->is_string() ? found->get<std::string>() : found->dump();
}

// What is added to the address of the next step.
std::string query_of(const CommandInput& input, const ordered_json& next) {
    std::string query;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            query += (query.empty() ? "?" : "&") + std::string(name) + "=" + percent_encode(value);
        }
    };
    add("app", input.arguments["--app"]);
    add("from", input.arguments["--from"]);
    if (next.is_object()) {
        add("at_app", text_of(next, "application"));
        add("at_user", text_of(next, "user"));
        add("at_sequence", text_of(next, "sequence"));
    }
    return query;
}

void show_progress(std::uint64_t mailboxes, std::uint64_t events) {
    if (::isatty(STDERR_FILENO) == 1) {
        std::fprintf(stderr, "\rparleyd: searched %s, %s ",
                     counted(mailboxes, "mailbox", "mailboxes").c_str(),
                     counted(events, "event").c_str());
    }
}

void end_progress() {
    if (::isatty(STDERR_FILENO) == 1) {
        std::fputs("\r\033[K", stderr);
    }
}

void print_recipient(const ordered_json& recipient) {
    const std::string sequence = text_of(recipient, "sequence");
    const std::string where =
        sequence.empty() ? "no longer in their mailbox" : "event " + sequence + " of their mailbox";
    std::printf("for %s\n  accepted  %s, %s\n", text_of(recipient, "user").c_str(),
                text_of(recipient, "accepted_at").c_str(), where.c_str());
    if (text_of(recipient, "state") == "delivered") {
        std::printf("  delivered %s, event %s of the sender's mailbox\n",
                    text_of(recipient, "delivered_at").c_str(),
                    text_of(recipient, "receipt_sequence").c_str());
        return;
    }
    if (text_of(recipient, "state") == "gone") {
        std::puts("  gone      no device had acknowledged it");
        return;
    }
    if (text_of(recipient, "state") == "unreadable") {
        std::puts("  unreadable: a mailbox is damaged; the server's log says which");
        return;
    }
    const auto devices = recipient.find("devices");
    if (devices == recipient.end() || devices->empty()) {
        std::puts("  waiting   the user has no device now");
        return;
    }
    std::puts("  waiting   no device has acknowledged it");
    for (const ordered_json& device : *devices) {
        std::printf("            device %s, last connected %s\n", text_of(device, "device").c_str(),
                    text_of(device, "last_seen").c_str());
    }
}

void print_found(const std::string& message, const ordered_json& found) {
    const std::string device = text_of(found, "device");
    std::printf("message %s\n  application %s\n  from %s%s\n", message.c_str(),
                text_of(found, "application").c_str(), text_of(found, "from").c_str(),
                device.empty() ? "" : (", device " + device).c_str());
    const std::string sequence = text_of(found, "sequence");
    if (sequence.empty()) {
        std::puts("  no longer in the sender's mailbox");
    } else {
        std::printf("  sent %s, event %s of the sender's mailbox\n",
                    text_of(found, "sent_at").c_str(), sequence.c_str());
    }
    for (const ordered_json& recipient : found.at("recipients")) {
        print_recipient(recipient);
    }
}

// The answer of one step; nothing: it was complained of, and `code` is what to end with.
std::optional<ordered_json> ask(const CommandInput& input, const std::string& target, int& code) {
    const auto answer = administer(input.settings, {"GET", target, ""});
    if (!answer) {
        complain(answer.error().description);
        code = exit_code_of(answer.error());
        return std::nullopt;
    }
    auto json = ordered_json::parse(answer->body, nullptr, false);
    if (answer->status != 200 || !json.is_object()) {
        code = complain_of(*answer);
        return std::nullopt;
    }
    return json;
}

// Other clients may make their ids as they like (spec/wire.md), so a different one is no mistake.
bool is_of_the_sdk(const std::string& message) {
    constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return std::equal(
        message.begin(), message.end(), kForm.begin(), kForm.end(), [](char c, char form) {
            return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        });
}

int trace(const CommandInput& input) {
    const std::string message(input.arguments["MESSAGE_ID"]);
    std::uint64_t mailboxes = 0;
    std::uint64_t events = 0;
    std::uint64_t unreadable = 0;
    ordered_json answer = ordered_json::object();
    int code = exit_code::kOk;
    do {
        const std::string target = "/v1/trace/" + percent_encode(message) +
                                   query_of(input, answer.value("next", ordered_json()));
        auto step = ask(input, target, code);
        if (!step) {
            return code;
        }
        answer = std::move(*step);
        mailboxes += answer.value("mailboxes", std::uint64_t{0});
        events += answer.value("events", std::uint64_t{0});
        unreadable += answer.value("unreadable", std::uint64_t{0});
        show_progress(mailboxes, events);
    } while (!answer.value("finished", true));
    end_progress();
    const ordered_json found = answer.value("found", ordered_json());
    if (input.arguments.has("--json")) {
        const ordered_json whole{{"message", message},
                                 {"found", found},
                                 {"mailboxes", mailboxes},
                                 {"unreadable", unreadable},
                                 {"events", events}};
        std::puts(whole.dump().c_str());
    } else if (found.is_object()) {
        print_found(message, found);
    }
    if (unreadable > 0) {
        complain("note: " + counted(unreadable, "mailbox", "mailboxes") +
                 " could not be read; the server's log says which");
    }
    if (found.is_object()) {
        return exit_code::kOk;
    }
    const std::string form =
        is_of_the_sdk(message)
            ? ""
            : " (ids that the SDK makes look like 01890a5d-ac96-774b-bcce-b302099a8057)";
    complain("message " + message + form + " is nowhere in " +
             counted(mailboxes, "mailbox", "mailboxes") + " (" + counted(events, "event") +
             "): it was never accepted here, or it is older than the retention, or its "
             "mailboxes were erased");
    return exit_code::kRefused;
}

}  // namespace

std::vector<CommandSpec> trace_commands() {
    return {{"trace",
             "Say where a message is: who sent it, for whom it was accepted, who has it",
             {{"MESSAGE_ID", "the id that the SDK gave the message"}},
             {{"--from", "USER", "its sender: only this user's mailbox is searched"},
              {"--app", "KEY", "search this application alone"}},
             trace}};
}

}  // namespace parley::parleyd
