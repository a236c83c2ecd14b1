#include "server/trace.h"

#include "server/append_keys.h"
#include "wire/stored_event.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace parley::server {
namespace {

constexpr std::size_t kUsersPerPage = 256;
constexpr mailbox::ReadLimit kPage{512, 1024 * 1024};

// What is known of the message from one event.
struct Sighting {
    UserId sender;
    ChainKey key;
    std::vector<UserId> recipients;
    std::vector<std::int64_t> accepted_at_ms;  // of the recipients, if it was a `sent`
    std::optional<DeviceId> device;
    std::optional<mailbox::Found> sent;
};

// One step. Kept alive by the call of the store that is under way.
class Tracer final : public std::enable_shared_from_this<Tracer> {
  public:
    using Done = mailbox::Store::Done<Result<TraceAnswer>>;
    Tracer(mailbox::Store& store, TraceQuery query, Done done)
        : store_(store), query_(std::move(query)), done_(std::move(done)) {}

    void start() {
        if (query_.applications.empty()) {
            return finish();
        }
        auto first = query_.applications.begin();
        if (query_.place) {
            first = std::find(first, query_.applications.end(), query_.place->application);
            if (first == query_.applications.end()) {
                return finish();
            }
            position_ = *query_.place;
        }
        application_ = static_cast<std::size_t>(first - query_.applications.begin());
        position_.application = *first;
        if (query_.from) {
            position_.user = *query_.from;
            return read();
        }
        position_.sequence > Sequence{} ? read() : list();
    }

  private:
    // A member as a completion.
    template <typename T>
    mailbox::Store::Done<Result<T>> then(void (Tracer::*step)(T)) {
        return [self = shared_from_this(), step](Result<T> result) {
            if (!result) {
                return self->done_(unexpected(result.error()));
            }
            (self.get()->*step)(std::move(*result));
        };
    }

    void list() {
        store_.list(position_.application, position_.user, kUsersPerPage,
                    then<std::vector<UserId>>(&Tracer::on_list));
    }
    void on_list(std::vector<UserId> users) {
        users_ = std::move(users);
        next_user_ = 0;
        users_.empty() ? next_application() : next_mailbox();
    }
    void next_mailbox() {
        if (next_user_ == users_.size()) {
            return list();
        }
        position_.user = users_[next_user_++];
        position_.sequence = {};
        read();
    }
    void next_application() {
        if (++application_ == query_.applications.size()) {
            return finish();
        }
        position_ = {query_.applications[application_], {}, {}};
        if (query_.from) {
            position_.user = *query_.from;
            return read();
        }
        list();
    }

    void read() {
        std::optional<Cursor> after;
        if (position_.sequence > Sequence{}) {
            after = Cursor{store_.epoch(), position_.sequence};
        }
        store_.read({position_.application, position_.user}, after, kPage,
                    then<mailbox::Read>(&Tracer::on_read));
    }
    void on_read(mailbox::Read read) {
        for (const mailbox::StoredEvent& event : read.events) {
            ++answer_.events;
            if (auto sighting = look(event)) {
                sighting_ = std::move(*sighting);
                return resolve();
            }
        }
        if (read.more) {
            position_.sequence = read.through;
            return out_of_budget() ? pause() : this->read();
        }
        ++answer_.mailboxes;
        position_.sequence = {};
        if (query_.from) {
            return next_application();
        }
        // Users that were not listed yet in this step follow the last one that was read.
        out_of_budget() ? pause() : next_mailbox();
    }
    bool out_of_budget() const {
        return answer_.events >= kTraceEvents || answer_.mailboxes >= kTraceMailboxes;
    }
    void pause() {
        answer_.next = position_;
        finish();
    }

    std::optional<Sighting> look(const mailbox::StoredEvent& stored) const;
    void resolve();
    void find_incoming();
    void on_incoming(std::optional<mailbox::Found> found);
    void on_delivered(std::optional<mailbox::Found> found);
    void on_devices(std::vector<mailbox::DeviceSeen> devices);
    void next_recipient();
    void find_sent();
    void on_sent(std::optional<mailbox::Found> found);
    void on_sent_event(mailbox::Read read);
    void finish_traced();
    void finish() { done_(std::move(answer_)); }
    MailboxId sender() const { return {traced_.application, traced_.sender}; }
    const UserId& recipient() const { return sighting_.recipients[recipient_]; }

    mailbox::Store& store_;
    const TraceQuery query_;
    Done done_;
    TraceAnswer answer_;
    std::size_t application_ = 0;
    TracePlace position_;
    std::vector<UserId> users_;
    std::size_t next_user_ = 0;

    // Once it was seen.
    Sighting sighting_;
    Traced traced_;
    TracedRecipient tracing_;
    std::size_t recipient_ = 0;  // of the sighting
};

std::optional<Sighting> Tracer::look(const mailbox::StoredEvent& stored) const {
    const auto event = wire::decode_stored(*stored.bytes);
    if (!event || wire::message_id_of(*event) != query_.message) {
        return std::nullopt;
    }
    Sighting sighting;
    if (const auto* sent = std::get_if<wire::Sent>(&event->kind)) {
        sighting.key = sent->message.key;
        sighting.sender = sent->message.sender_id;
        sighting.recipients = sent->recipient_ids;
        sighting.accepted_at_ms = sent->recipient_accepted_at_ms;
        sighting.device = sent->origin_device_id;
        sighting.sent = mailbox::Found{stored.sequence, stored.at};
    } else if (const auto* incoming = std::get_if<wire::Incoming>(&event->kind)) {
        sighting.key = incoming->message.key;
        sighting.sender = incoming->message.sender_id;
        const auto recipients = wire::recipients_of(stored.body ? *stored.body : Bytes());
        sighting.recipients = recipients ? *recipients : std::vector{position_.user};
    } else if (const auto* delivered = std::get_if<wire::Delivered>(&event->kind)) {
        // Of a message whose `sent` is gone.
        sighting.key = delivered->key;
        sighting.sender = position_.user;
        sighting.recipients = {delivered->recipient_id};
        sighting.accepted_at_ms = {delivered->accepted_at_ms};
    }
    if (query_.from && sighting.sender != *query_.from) {
        return std::nullopt;
    }
    return sighting;
}

// Everything else is found by the keys of the appends.
void Tracer::resolve() {
    traced_.application = position_.application;
    traced_.sender = sighting_.sender;
    traced_.device = sighting_.device;
    traced_.sent = sighting_.sent;
    sighting_.recipients.empty() ? finish_traced() : find_incoming();
}

void Tracer::find_incoming() {
    tracing_ = {recipient(), {}, {}, {}, {}};
    if (recipient_ < sighting_.accepted_at_ms.size()) {
        tracing_.accepted_at = wall_time_from_ms(sighting_.accepted_at_ms[recipient_]);
    }
    store_.find({traced_.application, recipient()},
                incoming_key(traced_.sender, sighting_.key, recipient()),
                then<std::optional<mailbox::Found>>(&Tracer::on_incoming));
}

void Tracer::on_incoming(std::optional<mailbox::Found> found) {
    tracing_.incoming = found;
    if (found) {
        tracing_.accepted_at = found->at;
    }
    store_.find(sender(), delivered_key(traced_.sender, sighting_.key, recipient()),
                then<std::optional<mailbox::Found>>(&Tracer::on_delivered));
}

void Tracer::on_delivered(std::optional<mailbox::Found> found) {
    tracing_.delivered = found;
    // From an `incoming` it is not known who accepted: whoever has no trace of it did not.
    const bool accepted = found || tracing_.incoming || !sighting_.accepted_at_ms.empty();
    if (!accepted) {
        return next_recipient();
    }
    if (found) {
        traced_.recipients.push_back(std::move(tracing_));
        return next_recipient();
    }
    store_.devices({traced_.application, recipient()},
                   then<std::vector<mailbox::DeviceSeen>>(&Tracer::on_devices));
}

void Tracer::on_devices(std::vector<mailbox::DeviceSeen> devices) {
    tracing_.devices = std::move(devices);
    traced_.recipients.push_back(std::move(tracing_));
    next_recipient();
}

void Tracer::next_recipient() {
    if (++recipient_ < sighting_.recipients.size()) {
        return find_incoming();
    }
    traced_.sent ? finish_traced() : find_sent();
}

void Tracer::find_sent() {
    std::vector<UserId> accepted;
    for (const TracedRecipient& one : traced_.recipients) {
        accepted.push_back(one.user);
    }
    store_.find(sender(), sent_key(traced_.sender, sighting_.key, accepted),
                then<std::optional<mailbox::Found>>(&Tracer::on_sent));
}

void Tracer::on_sent(std::optional<mailbox::Found> found) {
    if (!found) {
        return finish_traced();
    }
    traced_.sent = found;
    constexpr mailbox::ReadLimit kOne{1, 1};
    store_.read(sender(), Cursor{store_.epoch(), Sequence(found->sequence.value() - 1)}, kOne,
                then<mailbox::Read>(&Tracer::on_sent_event));
}

void Tracer::on_sent_event(mailbox::Read read) {
    if (!read.events.empty() && read.events.front().sequence == traced_.sent->sequence) {
        const auto event = wire::decode_stored(*read.events.front().bytes);
        if (const auto* sent = event ? std::get_if<wire::Sent>(&event->kind) : nullptr) {
            traced_.device = sent->origin_device_id;
        }
    }
    finish_traced();
}

void Tracer::finish_traced() {
    answer_.traced = std::move(traced_);
    finish();
}

}  // namespace

void trace_step(mailbox::Store& store, TraceQuery query,
                mailbox::Store::Done<Result<TraceAnswer>> done) {
    std::make_shared<Tracer>(store, std::move(query), std::move(done))->start();
}

}  // namespace parley::server
