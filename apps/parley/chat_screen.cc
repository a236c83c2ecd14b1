#include "chat_screen.h"

#include "output.h"
#include "text.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

namespace parley::cli {
namespace {

constexpr std::size_t kLongestInput = 64 * 1024;
constexpr const char* kClearLine = "\r\x1b[K";
constexpr const char* kLineUp = "\x1b[1A";

std::string dim(const std::string& text) {
    return "\x1b[2m" + text + "\x1b[0m";
}

std::string joined(const std::vector<std::string>& users) {
    std::string all;
    for (const std::string& user : users) {
        all += (all.empty() ? "" : ", ") + user;
    }
    return all;
}

std::string time_now() {
    const auto now = std::chrono::system_clock::now();
    return format_local(now, now);
}

}  // namespace

bool ChatScreen::possible() {
    const char* terminal = std::getenv("TERM");
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && terminal != nullptr &&
           std::strcmp(terminal, "dumb") != 0;
}

ChatScreen::ChatScreen(std::string user) : user_(std::move(user)), editor_(kLongestInput) {
    ::tcgetattr(STDIN_FILENO, &before_);
    take_keys();
}

// Keys come one by one and are drawn by us; Ctrl-C stays a signal, Ctrl-Z is a key.
void ChatScreen::take_keys() {
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    keys.c_cc[VSUSP] = _POSIX_VDISABLE;
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
}

void ChatScreen::suspend() {
    write(kClearLine);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
    ::kill(0, SIGTSTP);
    take_keys();
    last_id_.clear();  // The shell wrote below it.
    draw_input();
}

ChatScreen::~ChatScreen() {
    // A terminal that has gone needs no wiping.
    static_cast<void>(try_write_output(kClearLine));
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

std::size_t ChatScreen::width() const {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) {
        return 80;
    }
    return size.ws_col;
}

void ChatScreen::write(const std::string& bytes) {
    if (const auto why = try_write_output(bytes)) {
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
        end_without_output(*why);
    }
}

void ChatScreen::set_recipient(const std::string& recipient) {
    recipient_ = recipient;
    draw_input();
}

void ChatScreen::draw_input() {
    const std::string prompt =
        recipient_.empty() ? user_ + "> " : user_ + " → " + excerpt(recipient_, 30) + "> ";
    const std::size_t columns = width();
    // One row, so that it can always be wiped.
    const std::size_t used = std::min(columns_of(prompt) + 1, columns - 10);
    write(kClearLine + prompt + printable(editor_.visible(columns - used)));
}

void ChatScreen::show(const std::string& line, const std::string& message_id) {
    write(kClearLine + line + "\n");
    // Room for the ticks that may follow.
    const bool one_row = line.find('\n') == std::string::npos && columns_of(line) + 4 < width();
    last_id_ = one_row ? message_id : std::string();
    last_line_ = line;
    draw_input();
}

void ChatScreen::tick(const std::string& message_id, const std::string& ticks,
                      const std::string& otherwise) {
    if (message_id == last_id_ && !message_id.empty()) {
        write(std::string(kClearLine) + kLineUp + kClearLine + last_line_ + " " + dim(ticks) +
              "\n");
        draw_input();
    } else if (!otherwise.empty()) {
        show(dim("      " + otherwise));
    }
}

void ChatScreen::started(const Client&) {}

void ChatScreen::queued(const OutgoingMessage& message) {
    constexpr std::size_t kKept = 1000;
    if (written_.size() >= kKept) {
        written_.erase(written_.begin());
    }
    written_[message.message_id()] = excerpt(message.text(), 40);
    show(time_now() + " " + user_ + " → " + excerpt(joined(message.recipient_ids()), 20) + ": " +
             printable(message.text()),
         message.message_id());
}

void ChatScreen::sent(const Message& message, const std::string& recipient_id) {
    if (written_.contains(message.message_id())) {
        tick(message.message_id(), "✓", "");
        return;
    }
    // Written on another device of this user, or in an earlier run.
    const auto now = std::chrono::system_clock::now();
    written_[message.message_id()] = excerpt(message.text(), 40);
    show(format_local(message.timestamp().value_or(now), now) + " " + user_ + " → " +
             printable(recipient_id) + ": " + printable(message.text()),
         message.message_id());
    tick(message.message_id(), "✓", "");
}

void ChatScreen::delivered(const MessageDeliveryInfo& info) {
    const auto known = written_.find(info.message_id);
    const std::string text = known == written_.end() ? "an earlier message" : known->second;
    tick(info.message_id, "✓✓", "✓✓ " + printable(info.recipient_id) + " has: " + text);
}

void ChatScreen::failed(const Message& message, const std::vector<MessageFailureInfo>& failures) {
    for (const MessageFailureInfo& failure : failures) {
        show("✗ not sent to " + printable(failure.recipient_id) + ": " +
             excerpt(message.text(), 40) + " (" + printable(failure.error.description) + ")");
    }
}

void ChatScreen::incoming(const Message& message) {
    const auto now = std::chrono::system_clock::now();
    show(format_local(message.timestamp().value_or(now), now) + " " +
         describe(message.sender_id(), message.text(), message.headers()));
}

void ChatScreen::remark(const std::string& line) {
    show(dim("-- " + printable(line)));
}

}  // namespace parley::cli
