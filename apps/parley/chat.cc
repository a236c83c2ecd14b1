#include "chat_screen.h"
#include "line_reader.h"
#include "session.h"
#include "text.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <thread>

#include <unistd.h>

namespace parley::cli {
namespace {

constexpr const char* kHelp =
    "a line is a message; /to USER: whom to write to; //...: a message that begins with /; /quit "
    "or "
    "Ctrl-D: the end. ✓ the server has it, ✓✓ it has arrived";

class Chat final : public Session {
  public:
    // `screen` is null where there is no terminal to draw on.
    Chat(const Arguments& arguments, Printer& printer, ChatScreen* screen)
        : Session(arguments, printer), screen_(screen) {
        if (!arguments.to.empty()) {
            recipient_ = arguments.to.back();
        }
    }
    ~Chat() override {
        finish(kReached);
        if (reader_.joinable()) {
            reader_.join();
        }
    }

    int chat() {
        if (screen_ != nullptr) {
            const std::lock_guard lock(output_);
            screen_->remark(recipient_.empty() ? "/to USER says whom to write to, /help the rest"
                                               : "/help says what can be typed");
            screen_->set_recipient(recipient_);
        }
        reader_ = std::thread([this] { screen_ != nullptr ? read_keys() : read_lines(); });
        const int code = run();
        reader_.join();
        return code;
    }

  private:
    void read_lines() {
        constexpr std::size_t kLongest = 128 * 1024;
        LineReader reader(STDIN_FILENO, kLongest, stop());
        std::string line;
        LineReader::State state = reader.next(line);
        for (; state == LineReader::State::line && take_line(line); state = reader.next(line)) {
        }
        if (state == LineReader::State::too_long) {
            say("a line of standard input is longer than " + std::to_string(kLongest) + " bytes");
            finish(kUsage);
        }
        quit();
    }

    void read_keys() {
        std::array<char, 4096> chunk;
        while (wait_readable(STDIN_FILENO, stop())) {
            const ssize_t count = ::read(STDIN_FILENO, chunk.data(), chunk.size());
            if (count <= 0) {
                break;
            }
            std::string_view keys(chunk.data(), static_cast<std::size_t>(count));
            if (keys.find(ChatScreen::kSuspendKey) != std::string_view::npos) {
                const std::lock_guard lock(output_);
                screen_->suspend();
            }
            while (!keys.empty()) {
                std::optional<std::string> line;
                {
                    const std::lock_guard lock(output_);
                    line = screen_->editor().feed(keys);
                    screen_->draw_input();
                }
                if (line && !take_line(*line)) {
                    return quit();
                }
                if (screen_->editor().ended()) {
                    return quit();
                }
            }
        }
        quit();
    }

    // False: the end.
    bool take_line(const std::string& line) {
        if (line == "/quit" || line == "/q") {
            return false;
        }
        if (line == "/help") {
            say(kHelp);
        } else if (line.starts_with("/to")) {
            change_recipient(line);
        } else if (line.starts_with("//")) {
            write(line.substr(1));
        } else if (line.starts_with("/")) {
            say("there is no " + excerpt(line, 20) + "; /help says what there is");
        } else if (!line.empty()) {
            write(line);
        }
        return true;
    }

    void change_recipient(const std::string& line) {
        const std::string to = line.size() > 4 && line[3] == ' ' ? line.substr(4) : "";
        const bool fits =
            !to.empty() && to.size() <= 255 &&
            std::all_of(to.begin(), to.end(), [](char c) { return c > ' ' && c < 0x7F; });
        if (!fits) {
            return say("/to USER: a user id has 1 to 255 printable characters without space");
        }
        const std::lock_guard lock(output_);
        recipient_ = to;
        if (screen_ != nullptr) {
            screen_->set_recipient(to);
        }
    }

    void write(const std::string& text) {
        std::unique_lock lock(output_);
        const std::string recipient = recipient_;
        lock.unlock();
        if (recipient.empty()) {
            return say("to whom? Type /to USER first");
        }
        auto message =
            OutgoingMessage::message_with_recipient(recipient, text, messages().limits());
        if (!message) {
            return say(printable(message.error().description));
        }
        lock.lock();
        if (const auto taken = messages().send_message(*message); !taken) {
            lock.unlock();
            if (taken.error().code == ErrorCode::invalid_argument) {
                return say(printable(taken.error().description));
            }
            return fail(taken.error());
        }
        open_[message->message_id()] = {message->recipient_ids().begin(),
                                        message->recipient_ids().end()};
        printer_.queued(*message);
    }

    void say(const std::string& line) {
        const std::lock_guard lock(output_);
        printer_.remark(line);
    }

    // What was just typed gets a moment to go out.
    void quit() {
        constexpr auto kMoment = std::chrono::seconds(3);
        const auto until = std::chrono::steady_clock::now() + kMoment;
        while (!settled() && !finished() && std::chrono::steady_clock::now() < until) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        if (!finished()) {
            say_what_is_left();
            finish(code_at_end());
        }
    }

    // Every message of this run is answered and that is said, and the outbox is empty.
    bool settled() {
        {
            const std::lock_guard lock(output_);
            if (!open_.empty()) {
                return false;
            }
        }
        const auto entries = messages().outbox(1);
        return !entries || entries->empty();
    }

    void say_what_is_left() {
        constexpr std::size_t kCounted = 1000;
        const auto entries = messages().outbox(kCounted + 1);
        const std::size_t left = entries ? entries->size() : 0;
        if (left == 0) {
            return;
        }
        say(left > kCounted
                ? "more than 1000 messages are not sent; they stay in the outbox and go "
                  "out with the next run"
            : left > 1 ? std::to_string(left) +
                             " messages are not sent; they stay in the "
                             "outbox and go out with the next run"
                       : "1 message is not sent; it stays in the outbox and goes out with the "
                         "next run");
    }

    // At a terminal whoever typed has seen what failed; a script sees the code alone.
    int code_at_end() {
        const std::lock_guard lock(output_);
        return failed_ && ::isatty(STDIN_FILENO) == 0 ? kMessageFailed : kReached;
    }

    // Called with output_ held.
    void settle(const std::string& message_id, const std::string& recipient_id) {
        const auto found = open_.find(message_id);
        if (found == open_.end()) {
            return;
        }
        found->second.erase(recipient_id);
        if (found->second.empty()) {
            open_.erase(found);
        }
    }

    void message_sent(const Message& message, const std::string& recipient_id) override {
        Session::message_sent(message, recipient_id);
        const std::lock_guard lock(output_);
        settle(message.message_id(), recipient_id);
    }
    void message_delivery_failed(const Message& message,
                                 const std::vector<MessageFailureInfo>& failures) override {
        Session::message_delivery_failed(message, failures);
        const std::lock_guard lock(output_);
        failed_ |= open_.contains(message.message_id());
        for (const MessageFailureInfo& failure : failures) {
            settle(failure.message_id, failure.recipient_id);
        }
    }
    void did_receive_incoming_message(MessageClient& message_client,
                                      const Message& message) override {
        Session::did_receive_incoming_message(message_client, message);
        const std::lock_guard lock(output_);
        if (!recipient_.empty()) {
            return;
        }
        // Whoever writes first is whom an answer goes to.
        recipient_ = message.sender_id();
        if (screen_ != nullptr) {
            screen_->set_recipient(recipient_);
        }
    }
    void on_timeout() override {}
    void on_interrupt() override {
        bool unsent = false;
        {
            const std::lock_guard lock(output_);
            unsent = !open_.empty();
        }
        // The code is fixed first, so that the end of standard input does not say it once more.
        finish(unsent ? kInterrupted : code_at_end());
        say_what_is_left();
    }

    ChatScreen* const screen_;
    std::thread reader_;
    std::string recipient_;  // guarded by output_
    // Guarded by output_: the recipients of this run's messages to which they are not yet sent.
    std::map<std::string, std::set<std::string>> open_;
    bool failed_ = false;
};

}  // namespace

int run_chat(const Arguments& arguments) {
    if (!arguments.json && ChatScreen::possible()) {
        ChatScreen screen(arguments.user);
        Chat chat(arguments, screen, &screen);
        if (const auto code = chat.open(false)) {
            return *code;
        }
        return chat.chat();
    }
    const auto printer = make_printer(arguments);
    Chat chat(arguments, *printer, nullptr);
    if (const auto code = chat.open(false)) {
        return *code;
    }
    return chat.chat();
}

}  // namespace parley::cli
