#include "server/message_log.h"

#include "mailbox/records.h"
#include "wire/stored_event.h"

namespace parley::server {
namespace {

std::string_view name_of(mailbox::Outcome outcome) {
    using mailbox::Outcome;
    switch (outcome) {
        case Outcome::stored:
            return "stored";
        case Outcome::duplicate:
            return "duplicate";
        case Outcome::no_user:
            return "unknown_user";
        case Outcome::no_messaging:
            return "no_messaging";
        case Outcome::over_quota:
            return "over_quota";
        case Outcome::disabled:
            return "disabled";
        default:
            return "not_stored";
    }
}

}  // namespace

std::string log_name(const MailboxId& mailbox) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    constexpr std::size_t kBytes = 8;
    const mailbox::MailboxKey key = mailbox::mailbox_key(mailbox);
    std::string name;
    for (std::size_t i = 0; i < kBytes; ++i) {
        const auto byte = static_cast<unsigned char>(key[i]);
        name.push_back(kDigits[byte >> 4]);
        name.push_back(kDigits[byte & 15]);
    }
    return name;
}

void MessageLog::received(const MessageId& message, std::uint64_t session, const MailboxId& sender,
                          std::size_t recipients) const {
    if (on()) {
        log_.debug("message.received", {{"message", message.value()},
                                        {"session", session},
                                        {"mailbox", log_name(sender)},
                                        {"recipients", std::uint64_t{recipients}}});
    }
}

void MessageLog::refused(const MessageId& message, std::string_view why) const {
    if (on()) {
        log_.debug("message.refused", {{"message", message.value()}, {"why", why}});
    }
}

void MessageLog::answered(const MessageId& message, const MailboxId& recipient,
                          const mailbox::Appended& outcome) const {
    if (on()) {
        log_.debug("message.answered", {{"message", message.value()},
                                        {"mailbox", log_name(recipient)},
                                        {"outcome", name_of(outcome.outcome)},
                                        {"sequence", outcome.sequence.value()}});
    }
}

void MessageLog::sent(const MessageId& message, const MailboxId& sender,
                      const mailbox::Appended& outcome) const {
    if (on()) {
        log_.debug("message.sent", {{"message", message.value()},
                                    {"mailbox", log_name(sender)},
                                    {"outcome", name_of(outcome.outcome)},
                                    {"sequence", outcome.sequence.value()}});
    }
}

void MessageLog::pushed(std::string_view stored, Sequence sequence, std::uint64_t session,
                        const MailboxId& mailbox) const {
    if (!on()) {
        return;
    }
    if (const auto event = wire::decode_stored(stored)) {
        log_.debug("event.pushed", {{"message", wire::message_id_of(*event).value()},
                                    {"kind", wire::kind_name(*event)},
                                    {"mailbox", log_name(mailbox)},
                                    {"sequence", sequence.value()},
                                    {"session", session}});
    }
}

void MessageLog::acknowledged(std::string_view message, Sequence sequence,
                              std::uint64_t session) const {
    if (on()) {
        log_.debug("event.acknowledged",
                   {{"message", message}, {"sequence", sequence.value()}, {"session", session}});
    }
}

void MessageLog::receipted(std::string_view message, const MailboxId& sender,
                           const mailbox::Appended& outcome) const {
    if (on()) {
        log_.debug("receipt.answered", {{"message", message},
                                        {"mailbox", log_name(sender)},
                                        {"outcome", name_of(outcome.outcome)},
                                        {"sequence", outcome.sequence.value()}});
    }
}

}  // namespace parley::server
