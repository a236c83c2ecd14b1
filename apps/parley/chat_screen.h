#pragma once

#include "line_editor.h"
#include "printer.h"

#include <map>
#include <string>

#include <termios.h>

namespace parley::cli {

// A conversation in a terminal: what happens scrolls above, the line that is being typed stays
// below. Ticks appear behind a message where it stands, as long as it is the last line, else as a
// dim line of their own. Called under Session's lock.
class ChatScreen final : public Printer {
  public:
    explicit ChatScreen(std::string user);
    // Gives the terminal back as it was.
    ~ChatScreen() override;
    ChatScreen(const ChatScreen&) = delete;
    ChatScreen& operator=(const ChatScreen&) = delete;

    // Both ends are a terminal that can do it.
    static bool possible();

    void set_recipient(const std::string& recipient);
    // Keys came, or the terminal's width changed: the typed line is drawn again.
    void draw_input();
    // Ctrl-Z: the shell gets the terminal as it was, and this returns when it gives it back.
    void suspend();
    static constexpr char kSuspendKey = 0x1A;
    LineEditor& editor() { return editor_; }

    void started(const Client& client) override;
    void queued(const OutgoingMessage& message) override;
    void sent(const Message& message, const std::string& recipient_id) override;
    void delivered(const MessageDeliveryInfo& info) override;
    void failed(const Message& message, const std::vector<MessageFailureInfo>& failures) override;
    void incoming(const Message& message) override;
    void waiting(const OutboxEntry&) override {}
    void cancelled(const std::string&) override {}
    void remark(const std::string& line) override;

  private:
    void show(const std::string& line, const std::string& message_id = {});
    void tick(const std::string& message_id, const std::string& ticks,
              const std::string& otherwise);
    // Ends the process if the terminal cannot be written, as write_output() does.
    void write(const std::string& bytes);
    void take_keys();
    std::size_t width() const;

    const std::string user_;
    std::string recipient_;
    LineEditor editor_;
    termios before_{};
    // The last line above the input, when it is a message of one row that ticks can be added to.
    std::string last_id_;
    std::string last_line_;
    // The beginnings of the last messages written here, by id.
    std::map<std::string, std::string> written_;
};

}  // namespace parley::cli
