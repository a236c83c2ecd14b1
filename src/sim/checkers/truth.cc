#include "sim/checkers/truth.h"

#include "mailbox/records.h"
#include "wire/stored_event.h"

#include <fmt/format.h>

#include <utility>

namespace parley::sim {
namespace {

// Collects one frame.
class Buffer final : public FrameSink {
  public:
    bool has_room() const override { return true; }
    void begin(std::size_t size) override { bytes.reserve(size); }
    void append(BytesView piece) override { bytes.append(as_text(piece)); }
    void end() override {}
    void ping() override {}
    Bytes bytes;
};

// The event as a client would get it, apart from its body.
std::optional<wire::Event> parse(Sequence sequence, WallTime at, std::string_view stored) {
    auto rendered = wire::RenderedEvent::make(sequence, at, stored, {});
    if (!rendered) {
        return std::nullopt;
    }
    wire::EventsFrame frame(wire::Encoding::proto);
    frame.add(*rendered);
    Buffer buffer;
    frame.write(sequence, buffer);
    auto decoded = wire::decode_server_frame(as_bytes(buffer.bytes));
    if (!decoded) {
        return std::nullopt;
    }
    auto* events = std::get_if<wire::Events>(&*decoded);
    if (events == nullptr || events->events.size() != 1) {
        return std::nullopt;
    }
    return std::move(events->events.front());
}

}  // namespace

Truth::Truth(ApplicationKey application, const SimDisk& disk, const Scheduler& scheduler,
             Verdict& verdict)
    : application_(std::move(application)), disk_(disk), scheduler_(scheduler), verdict_(verdict) {}

void Truth::expect_user(const UserId& user) {
    const mailbox::MailboxKey key = mailbox::mailbox_key({application_, user});
    Mailbox& mailbox = mailboxes_[Bytes(key.data(), key.size())];
    mailbox.user = user;
    by_user_[user] = &mailbox;
}

void Truth::durable(const mailbox::Commit& commit) {
    for (const auto& put : commit.puts) {
        if (put.space != mailbox::Space::events) {
            continue;
        }
        const auto found =
            mailboxes_.find(std::string_view(put.key).substr(0, sizeof(mailbox::MailboxKey)));
        const auto sequence = mailbox::sequence_of(put.key);
        if (found == mailboxes_.end() || !sequence) {
            verdict_.broken("R23", "an event lies in a mailbox that nobody has");
            continue;
        }
        if (const auto event = take(found->second, Sequence(*sequence), put.value)) {
            learn(found->second, *event);
        }
    }
}

std::optional<wire::Event> Truth::take(Mailbox& mailbox, Sequence sequence,
                                       std::string_view value) {
    const auto record = mailbox::decode_event(value);
    auto parsed = record ? parse(sequence, record->at, record->bytes) : std::nullopt;
    if (!parsed) {
        verdict_.broken("storage", fmt::format("event {} of {} cannot be read", sequence.value(),
                                               mailbox.user.value()));
        return std::nullopt;
    }
    check_order(mailbox, *parsed);
    mailbox.newest = std::max(mailbox.newest, sequence);
    mailbox.newest_at_ms = std::max(mailbox.newest_at_ms, parsed->at_ms);
    mailbox.sequences.insert(sequence.value());
    return parsed;
}

void Truth::check_order(const Mailbox& mailbox, const wire::Event& event) {
    // R19: nothing is placed below a sequence that was shown, and none is given twice.
    if (event.sequence <= mailbox.newest) {
        verdict_.broken("R19", fmt::format("sequence {} is given in the mailbox of {} after {}",
                                           event.sequence.value(), mailbox.user.value(),
                                           mailbox.newest.value()));
    }
    if (event.sequence.value() >= kSequenceEnd) {
        verdict_.broken("R19", fmt::format("sequence {} is beyond what a number holds",
                                           event.sequence.value()));
    }
    // R17: times in a mailbox never go backwards.
    if (event.at_ms < mailbox.newest_at_ms) {
        verdict_.broken("R17", fmt::format("the time of event {} of {} goes backwards",
                                           event.sequence.value(), mailbox.user.value()));
    }
}

void Truth::learn(Mailbox& mailbox, const wire::Event& event) {
    if (const auto* incoming = std::get_if<wire::Incoming>(&event.kind)) {
        const wire::Message& message = incoming->message;
        Incoming entry{event.sequence, event.at_ms, message.message_id, false};
        const auto [place, first] =
            incoming_.try_emplace({mailbox.user, message.sender_id, message.key}, entry);
        if (!first && !std::exchange(place->second.erased, false)) {
            // R8: a submission whose (sender, key, recipient) was accepted before is dropped.
            verdict_.broken(
                "R8", fmt::format("{} from {} is stored twice for {}", message.message_id.value(),
                                  message.sender_id.value(), mailbox.user.value()));
        }
        place->second = entry;
    } else if (const auto* sent = std::get_if<wire::Sent>(&event.kind)) {
        for (const UserId& recipient : sent->recipient_ids) {
            const PairKey pair{recipient, mailbox.user, sent->message.key};
            const auto accepted = incoming_.find(pair);
            // R1: all `incoming` first, then `sent`.
            if (accepted == incoming_.end() || accepted->second.erased) {
                verdict_.broken("R1",
                                fmt::format("`sent` of {} to {} is durable before its `incoming`",
                                            sent->message.message_id.value(), recipient.value()));
            }
            sent_.insert(pair);
        }
    } else if (const auto* receipt = std::get_if<wire::Delivered>(&event.kind)) {
        const PairKey pair{receipt->recipient_id, mailbox.user, receipt->key};
        // R21: receipts are never doubled.
        if (!delivered_.insert(pair).second) {
            verdict_.broken(
                "R21", fmt::format("a second receipt of {} by {} is stored",
                                   receipt->message_id.value(), receipt->recipient_id.value()));
        }
        const auto accepted = incoming_.find(pair);
        const auto reader = by_user_.find(receipt->recipient_id);
        // R3: a device has acknowledged it.
        if (accepted == incoming_.end() || reader == by_user_.end() ||
            reader->second->acknowledged < accepted->second.sequence) {
            verdict_.broken(
                "R3", fmt::format("{} is delivered to {} before a device acknowledged it",
                                  receipt->message_id.value(), receipt->recipient_id.value()));
        }
    }
}

void Truth::restored() {
    ++restores_;
    // What the copy does not hold is gone, and nobody can be held to it.
    std::map<PairKey, Incoming> before = std::exchange(incoming_, {});
    sent_before_.merge(std::exchange(sent_, {}));
    delivered_before_.merge(std::exchange(delivered_, {}));
    for (auto& [prefix, mailbox] : mailboxes_) {
        mailbox.newest = {};
        mailbox.newest_at_ms = 0;
        mailbox.sequences.clear();
        // Acknowledgements stand: the devices have what they have.
        mailbox.acknowledged = Sequence(kSequenceEnd);
    }
    for (auto& [pair, event] : before) {
        event.erased = true;
    }
    incoming_ = std::move(before);
    // Mailbox by mailbox, so that a receipt may come before what it is a receipt of.
    std::vector<std::pair<Mailbox*, wire::Event>> others;
    for (const auto& [key, value] :
         disk_.contents()[static_cast<std::size_t>(mailbox::Space::events)]) {
        const auto found =
            mailboxes_.find(std::string_view(key).substr(0, sizeof(mailbox::MailboxKey)));
        const auto sequence = mailbox::sequence_of(key);
        if (found == mailboxes_.end() || !sequence) {
            continue;
        }
        auto event = take(found->second, Sequence(*sequence), value);
        if (event && std::holds_alternative<wire::Incoming>(event->kind)) {
            learn(found->second, *event);
        } else if (event) {
            others.emplace_back(&found->second, std::move(*event));
        }
    }
    for (const auto& [mailbox, event] : others) {
        learn(*mailbox, event);
    }
}

const Truth::Incoming* Truth::incoming(const UserId& recipient, const UserId& sender,
                                       const ChainKey& key) const {
    const auto found = incoming_.find({recipient, sender, key});
    return found == incoming_.end() ? nullptr : &found->second;
}

bool Truth::sent(const UserId& recipient, const UserId& sender, const ChainKey& key) const {
    const PairKey pair{recipient, sender, key};
    return sent_.contains(pair) || sent_before_.contains(pair);
}

bool Truth::delivered(const UserId& recipient, const UserId& sender, const ChainKey& key) const {
    const PairKey pair{recipient, sender, key};
    return delivered_.contains(pair) || delivered_before_.contains(pair);
}

bool Truth::holds(const UserId& user, Sequence sequence) const {
    const auto found = by_user_.find(user);
    return found != by_user_.end() && found->second->sequences.contains(sequence.value());
}

void Truth::acknowledged(const UserId& user, Sequence sequence) {
    const auto found = by_user_.find(user);
    if (found != by_user_.end()) {
        found->second->acknowledged = std::max(found->second->acknowledged, sequence);
    }
}

}  // namespace parley::sim
