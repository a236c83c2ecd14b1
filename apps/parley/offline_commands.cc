#include "output.h"
#include "session.h"
#include "text.h"

// The commands that need no server.
namespace parley::cli {

int run_token(const Arguments& arguments) {
    const auto printer = make_text_printer();
    // A token is signed with a secret; one that was given is no help.
    Arguments with_secret = arguments;
    with_secret.token.clear();
    const auto identity = find_identity(with_secret);
    if (!identity) {
        printer->remark(identity.error().description);
        return kUsage;
    }
    TokenRequestOptions options;
    options.application_key = identity->application_key;
    options.application_secret = identity->application_secret;
    options.issuer_prefix = identity->issuer_prefix;
    options.user_id = arguments.user;
    if (!arguments.device.empty()) {
        options.device_id = arguments.device;
    }
    // Tokens count in seconds.
    options.time_to_live = std::chrono::ceil<std::chrono::seconds>(arguments.ttl);
    const auto token = sign_token(options);
    if (!token) {
        printer->remark("--app: " + arguments.app + ": " + printable(token.error().description));
        return kUsage;
    }
    write_output(*token + "\n");
    return kReached;
}

int run_outbox(const Arguments& arguments) {
    const auto printer = make_printer(arguments);
    const auto identity = find_identity(arguments);
    if (!identity) {
        printer->remark(identity.error().description);
        return kUsage;
    }
    const auto client = open_client(client_options(arguments, *identity), *printer);
    if (!client) {
        return exit_code(client.error());
    }
    MessageClient& messages = **(*client)->message_client();
    if (!arguments.cancel.empty()) {
        if (const auto cancelled = messages.cancel(arguments.cancel); !cancelled) {
            printer->remark("--cancel: " + explain(cancelled.error(), (*client)->store_folder()));
            return exit_code(cancelled.error());
        }
        printer->cancelled(arguments.cancel);
        return kReached;
    }
    const auto entries = messages.outbox();
    if (!entries) {
        printer->remark(explain(entries.error(), (*client)->store_folder()));
        return exit_code(entries.error());
    }
    for (const OutboxEntry& entry : *entries) {
        printer->waiting(entry);
    }
    if (!arguments.json) {
        printer->remark(entries->empty() ? "the outbox is empty"
                                         : "the next try is when send, listen or chat runs");
    }
    return kReached;
}

}  // namespace parley::cli
