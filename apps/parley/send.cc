#include "line_reader.h"
#include "session.h"
#include "text.h"

#include <limits>
#include <map>
#include <set>
#include <thread>

#include <unistd.h>

namespace parley::cli {
namespace {

class Send final : public Session {
  public:
    using Session::Session;
    ~Send() override {
        finish(kReached);
        if (reader_.joinable()) {
            reader_.join();
        }
    }

    int send() {
        const auto waiting = messages().outbox(kWholeOutbox);
        if (!waiting) {
            fail(waiting.error());
            return exit_code(waiting.error());
        }
        for (const OutboxEntry& entry : *waiting) {
            said_.insert(entry.message_id);
        }
        if (arguments().lines) {
            reader_ = std::thread([this] { read_lines(); });
        } else if (queue(arguments().text, "")) {
            all_queued();
        }
        const int code = run();
        if (reader_.joinable()) {
            reader_.join();
        }
        return code;
    }

  private:
    static constexpr std::size_t kWholeOutbox = std::numeric_limits<std::int32_t>::max();

    void read_lines() {
        // Twice the limit of a text by default: what is longer gets its error from the SDK, what is
        // endless here.
        constexpr std::size_t kLongest = 128 * 1024;
        LineReader reader(STDIN_FILENO, kLongest, stop());
        std::string line;
        std::uint64_t number = 1;
        LineReader::State state = reader.next(line);
        for (; state == LineReader::State::line; state = reader.next(line)) {
            if (!queue(line, "standard input, line " + std::to_string(number) + ": ")) {
                return;
            }
            ++number;
        }
        if (state == LineReader::State::stopped) {
            return;
        }
        if (state != LineReader::State::end) {
            const std::lock_guard lock(output_);
            bad_input_ = true;
            printer_.remark("standard input, line " + std::to_string(number) +
                            (state == LineReader::State::too_long
                                 ? ": is longer than " + std::to_string(kLongest) + " bytes"
                                 : ": cannot be read"));
        }
        all_queued();
    }

    // False: the run is over, or will be when what is queued is settled.
    bool queue(const std::string& text, const std::string& where) {
        const auto sent = send_one(text);
        if (sent) {
            return true;
        }
        if (sent.error().code != ErrorCode::invalid_argument) {
            fail(sent.error());
            return false;
        }
        {
            const std::lock_guard lock(output_);
            bad_input_ = true;
            printer_.remark(where + with_flag(printable(sent.error().description)));
        }
        all_queued();
        return false;
    }

    Result<void> send_one(const std::string& text) {
        const MessageLimits limits = messages().limits();
        auto message = OutgoingMessage::message_with_recipients(arguments().to, text, limits);
        if (!message) {
            return unexpected(std::move(message).error());
        }
        for (const auto& [key, value] : arguments().headers) {
            if (auto added = message->add_header(value, key); !added) {
                return added;
            }
        }
        // The answers wait for this lock, so they come after the line that says "queued".
        const std::lock_guard lock(output_);
        if (auto taken = messages().send_message(*message); !taken) {
            return taken;
        }
        open_[message->message_id()] = {message->recipient_ids().begin(),
                                        message->recipient_ids().end()};
        said_.insert(message->message_id());
        printer_.queued(*message);
        return {};
    }

    void all_queued() {
        const std::lock_guard lock(output_);
        all_queued_ = true;
        finish_when_settled();
    }

    void settle(const std::string& message_id, const std::string& recipient_id) {
        const std::lock_guard lock(output_);
        const auto found = open_.find(message_id);
        if (found == open_.end()) {
            return;
        }
        found->second.erase(recipient_id);
        if (found->second.empty()) {
            open_.erase(found);
        }
        finish_when_settled();
    }

    void finish_when_settled() {
        if (!all_queued_ || !open_.empty()) {
            return;
        }
        finish(bad_input_ ? kUsage : failed_ ? kMessageFailed : kReached);
    }

    // A new device hears of all that this user ever sent, which is not what this run is about.
    bool is_said(const std::string& message_id) {
        const std::lock_guard lock(output_);
        return said_.contains(message_id);
    }

    void message_sent(const Message& message, const std::string& recipient_id) override {
        if (!is_said(message.message_id())) {
            return;
        }
        Session::message_sent(message, recipient_id);
        if (arguments().until == Until::sent) {
            settle(message.message_id(), recipient_id);
        }
    }
    void message_delivered(const MessageDeliveryInfo& info) override {
        if (!is_said(info.message_id)) {
            return;
        }
        Session::message_delivered(info);
        settle(info.message_id, info.recipient_id);
    }
    void message_delivery_failed(const Message& message,
                                 const std::vector<MessageFailureInfo>& failures) override {
        if (!is_said(message.message_id())) {
            return;
        }
        Session::message_delivery_failed(message, failures);
        {
            const std::lock_guard lock(output_);
            failed_ |= open_.contains(message.message_id());
        }
        for (const MessageFailureInfo& failure : failures) {
            settle(failure.message_id, failure.recipient_id);
        }
    }

    void say_what_is_left(const std::string& why) {
        const std::lock_guard lock(output_);
        std::size_t recipients = 0;
        for (const auto& [id, open] : open_) {
            recipients += open.size();
        }
        printer_.remark(
            why + ", " + std::to_string(recipients) +
            (arguments().until == Until::sent ? " not yet sent" : " not yet delivered") +
            "; what is not sent stays in the outbox and goes out with the next run");
    }
    void on_timeout() override {
        say_what_is_left("--timeout has passed");
        finish(kTimeout);
    }
    void on_interrupt() override {
        say_what_is_left("interrupted");
        finish(kInterrupted);
    }

    std::thread reader_;
    // Guarded by output_: the recipients of this run's messages that have not reached --until.
    std::map<std::string, std::set<std::string>> open_;
    // Guarded by output_: the messages that were in the outbox when the run began, and its own.
    std::set<std::string> said_;
    bool all_queued_ = false;
    bool failed_ = false;
    bool bad_input_ = false;
};

}  // namespace

int run_send(const Arguments& arguments) {
    const auto printer = make_printer(arguments);
    Send send(arguments, *printer);
    // What comes in meanwhile is for listen and chat to show.
    if (const auto code = send.open(true)) {
        return *code;
    }
    return send.send();
}

}  // namespace parley::cli
