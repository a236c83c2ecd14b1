// Sends one message and shows what comes in, until Enter is pressed. See docs/guide.
#include <parley/parley.h>

#include <cstdio>
#include <string>

namespace {

// What the app does when something happens. Called on the SDK's callback thread.
class Conversation : public parley::ClientDelegate, public parley::MessageClientDelegate {
  public:
    void client_did_start(parley::Client& client) override {
        std::printf("%s is connected\n", client.user_id().c_str());
    }
    void client_did_fail(parley::Client&, const parley::Error& error) override {
        std::printf("no session: %s\n", error.description.c_str());
    }
    void did_receive_incoming_message(parley::MessageClient&,
                                      const parley::Message& message) override {
        // A real app stores the message under its id first: after a crash it may come again.
        std::printf("%s: %s\n", message.sender_id().c_str(), message.text().c_str());
    }
    void message_sent(const parley::Message& message, const std::string& recipient_id) override {
        std::printf("sent to %s: %s\n", recipient_id.c_str(), message.text().c_str());
    }
    void message_delivered(const parley::MessageDeliveryInfo& info) override {
        std::printf("delivered to %s\n", info.recipient_id.c_str());
    }
    void message_delivery_failed(const parley::Message&,
                                 const std::vector<parley::MessageFailureInfo>& failures) override {
        for (const parley::MessageFailureInfo& failure : failures) {
            std::printf("not sent to %s: %s\n", failure.recipient_id.c_str(),
                        failure.error.description.c_str());
        }
    }
};

int fail(const parley::Error& error) {
    std::fprintf(stderr, "hello: %s\n", error.description.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fprintf(stderr,
                     "usage: hello KEY SECRET USER RECIPIENT\n"
                     "KEY and SECRET stand in parley-data/application.json\n");
        return 2;
    }
    parley::ClientOptions options;
    options.application_key = argv[1];
    options.application_secret = argv[2];  // while developing; later see requires_token
    options.user_id = argv[3];

    Conversation conversation;  // outlives the client
    auto client = parley::Client::create(options);
    if (!client) {
        return fail(client.error());
    }
    if (auto enabled = (*client)->set_support_messaging(true); !enabled) {
        return fail(enabled.error());
    }
    (*client)->set_delegate(&conversation);
    parley::MessageClient& messages = **(*client)->message_client();
    messages.set_delegate(&conversation);
    if (auto started = (*client)->start(); !started) {
        return fail(started.error());
    }

    auto message = parley::OutgoingMessage::message_with_recipient(argv[4], "Hi there!");
    if (!message) {
        return fail(message.error());
    }
    if (auto taken = messages.send_message(*message); !taken) {
        return fail(taken.error());
    }

    std::getchar();
    (*client)->terminate_gracefully(std::chrono::seconds(2));
    return 0;
}
