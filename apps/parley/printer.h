#pragma once

#include "parley/parley.h"

#include <memory>
#include <string>
#include <vector>

namespace parley::cli {

// Says what happens: events on standard output, remarks on standard error. One thread at a time
// (Session sees to it).
class Printer {
  public:
    virtual ~Printer() = default;
    virtual void started(const Client& client) = 0;
    virtual void queued(const OutgoingMessage& message) = 0;
    virtual void sent(const Message& message, const std::string& recipient_id) = 0;
    virtual void delivered(const MessageDeliveryInfo& info) = 0;
    virtual void failed(const Message& message,
                        const std::vector<MessageFailureInfo>& failures) = 0;
    virtual void incoming(const Message& message) = 0;
    virtual void waiting(const OutboxEntry& entry) = 0;
    virtual void cancelled(const std::string& message_id) = 0;
    // One line for the person at the terminal.
    virtual void remark(const std::string& line);
};

// One object a line, as docs/cli.md says.
std::unique_ptr<Printer> make_json_printer();
// Lines for people.
std::unique_ptr<Printer> make_text_printer();

// "bob: hi there", with what a person wants to know of the headers; safe for a terminal.
std::string describe(const std::string& who, const std::string& text, const Headers& headers);

}  // namespace parley::cli
