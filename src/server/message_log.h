#pragma once

#include "base/ids.h"
#include "base/log.h"
#include "mailbox/store.h"

#include <string>
#include <string_view>

namespace parley::server {

// The way of one message through the server, at debug level: every line has `message`, its id, so
// that one id finds them all (docs/operations/monitoring.md). Never a text, a header, a token or
// the name of a user: a mailbox is named by a hash. Below debug nothing is built.
class MessageLog {
  public:
    explicit MessageLog(Logger log) : log_(log) {}

    void received(const MessageId& message, std::uint64_t session, const MailboxId& sender,
                  std::size_t recipients) const;
    void refused(const MessageId& message, std::string_view why) const;
    // A recipient's final answer.
    void answered(const MessageId& message, const MailboxId& recipient,
                  const mailbox::Appended& outcome) const;
    // The `sent` event in the sender's mailbox.
    void sent(const MessageId& message, const MailboxId& sender,
              const mailbox::Appended& outcome) const;
    // An event was handed to a session's channel.
    void pushed(std::string_view stored, Sequence sequence, std::uint64_t session,
                const MailboxId& mailbox) const;
    // A device has it.
    void acknowledged(std::string_view message, Sequence sequence, std::uint64_t session) const;
    // The `delivered` event in the sender's mailbox.
    void receipted(std::string_view message, const MailboxId& sender,
                   const mailbox::Appended& outcome) const;

    bool on() const { return log_.enabled(LogLevel::debug); }

  private:
    Logger log_;
};

// The first 16 hex digits of SHA-256(application, a zero byte, user): what stands for a mailbox in
// the log.
std::string log_name(const MailboxId& mailbox);

}  // namespace parley::server
