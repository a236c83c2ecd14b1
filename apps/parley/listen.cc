#include "session.h"

namespace parley::cli {
namespace {

class Listen final : public Session {
  public:
    using Session::Session;

  private:
    void did_receive_incoming_message(MessageClient& message_client,
                                      const Message& message) override {
        Session::did_receive_incoming_message(message_client, message);
        if (!arguments().count || ++seen_ < *arguments().count) {
            return;
        }
        // No further callback: the rest stays unread for the next run.
        client().terminate();
        finish(kReached);
    }
    void on_timeout() override { finish(arguments().count ? kTimeout : kReached); }
    void on_interrupt() override { finish(arguments().count ? kInterrupted : kReached); }

    std::uint64_t seen_ = 0;
};

}  // namespace

int run_listen(const Arguments& arguments) {
    const auto printer = make_printer(arguments);
    Listen listen(arguments, *printer);
    if (const auto code = listen.open(false)) {
        return *code;
    }
    return listen.run();
}

}  // namespace parley::cli
