#include "server/trace.h"

#include "server/append_keys.h"
#include "wire/stored_event.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace parley::server {
namespace {

constexpr std::size_t kUsersPerPage = 256;
constexpr mailbox::ReadLimit kPage{512, 1024 * 1024};

// Where the message was met first, and what it is known by.
struct Sighting {
    UserId sender;
    ChainKey key;
    std::vector<UserId> recipients;  // from an `incoming`: who of them was accepted it does not say
    std::optional<Sequence> just_before;  // of the event, if it is in the sender's mailbox
};

// Somebody whom the message was for.
struct Addressee {
    UserId user;
    std::optional<WallTime> accepted_at;  // as the sender's mailbox says
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
    mailbox::Store::Done<Result<T>> either(void (Tracer::*step)(Result<T>)) {
        return [self = shared_from_this(), step](Result<T> result) {
            (self.get()->*step)(std::move(result));
        };
    }
    // An error ends the search.
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
                    either<mailbox::Read>(&Tracer::on_read));
    }
    void on_read(Result<mailbox::Read> result) {
        if (!result) {
            // One that is damaged must not hide what the others hold.
            ++answer_.unreadable;
            return end_mailbox();
        }
        const mailbox::Read& read = *result;
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
        end_mailbox();
    }
    void end_mailbox() {
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
    void read_sender();
    void on_sender(Result<mailbox::Read> result);
    void note(const mailbox::StoredEvent& stored);
    void add(const UserId& user, std::optional<std::int64_t> accepted_at_ms);
    void find_incoming();
    void on_incoming(Result<std::optional<mailbox::Found>> found);
    void on_delivered(Result<std::optional<mailbox::Found>> found);
    void on_devices(Result<std::vector<mailbox::DeviceSeen>> devices);
    void end_recipient();
    void next_recipient();
    void finish_traced();
    void finish() { done_(std::move(answer_)); }
    MailboxId sender() const { return {traced_.application, traced_.sender}; }
    const Addressee& addressee() const { return addressees_[recipient_]; }

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
    Sequence sender_read_;  // up to here
    std::vector<Addressee> addressees_;
    std::map<UserId, std::size_t> places_;  // in addressees_
    std::size_t recipient_ = 0;             // of addressees_
};

std::optional<Sighting> Tracer::look(const mailbox::StoredEvent& stored) const {
    const auto event = wire::decode_stored(*stored.bytes);
    if (!event || wire::message_id_of(*event) != query_.message) {
        return std::nullopt;
    }
    Sighting sighting;
    const Sequence before(stored.sequence.value() - 1);
    if (const auto* sent = std::get_if<wire::Sent>(&event->kind)) {
        sighting = {sent->message.sender_id, sent->message.key, {}, before};
    } else if (const auto* incoming = std::get_if<wire::Incoming>(&event->kind)) {
        sighting = {incoming->message.sender_id, incoming->message.key, {position_.user}, {}};
        if (auto all = wire::recipients_of(stored.body ? *stored.body : Bytes())) {
            sighting.recipients = std::move(*all);
        }
    } else if (const auto* delivered = std::get_if<wire::Delivered>(&event->kind)) {
        // Of a message whose `sent` is gone.
        sighting = {position_.user, delivered->key, {}, before};
    }
    if (query_.from && sighting.sender != *query_.from) {
        return std::nullopt;
    }
    return sighting;
}

void Tracer::resolve() {
    traced_.application = position_.application;
    traced_.sender = sighting_.sender;
    sender_read_ = sighting_.just_before.value_or(Sequence{});
    read_sender();
}

// All of it: who was accepted is told by a `sent` for each submission that was accepted for more
// recipients than the one before (wire.md, 6).
void Tracer::read_sender() {
    std::optional<Cursor> after;
    if (sender_read_ > Sequence{}) {
        after = Cursor{store_.epoch(), sender_read_};
    }
    store_.read(sender(), after, kPage, either<mailbox::Read>(&Tracer::on_sender));
}

void Tracer::on_sender(Result<mailbox::Read> result) {
    if (result) {
        answer_.events += result->events.size();
        std::for_each(result->events.begin(), result->events.end(),
                      [this](const mailbox::StoredEvent& stored) { note(stored); });
        if (result->more) {
            sender_read_ = result->through;
            return read_sender();
        }
    } else {
        ++answer_.unreadable;
    }
    for (const UserId& user : sighting_.recipients) {
        add(user, std::nullopt);
    }
    addressees_.empty() ? finish_traced() : find_incoming();
}

void Tracer::note(const mailbox::StoredEvent& stored) {
    const auto event = wire::decode_stored(*stored.bytes);
    if (!event) {
        return;
    }
    if (const auto* sent = std::get_if<wire::Sent>(&event->kind)) {
        if (sent->message.key != sighting_.key) {
            return;
        }
        if (!traced_.sent) {
            traced_.sent = mailbox::Found{stored.sequence, stored.at};
            traced_.device = sent->origin_device_id;
        }
        for (std::size_t i = 0; i < sent->recipient_ids.size(); ++i) {
            add(sent->recipient_ids[i], i < sent->recipient_accepted_at_ms.size()
                                            ? sent->recipient_accepted_at_ms[i]
                                            : to_ms(stored.at));
        }
    } else if (const auto* delivered = std::get_if<wire::Delivered>(&event->kind)) {
        if (delivered->key == sighting_.key) {
            add(delivered->recipient_id, delivered->accepted_at_ms);
        }
    }
}

void Tracer::add(const UserId& user, std::optional<std::int64_t> accepted_at_ms) {
    if (places_.emplace(user, addressees_.size()).second) {
        addressees_.push_back({user, accepted_at_ms
                                         ? std::optional(wall_time_from_ms(*accepted_at_ms))
                                         : std::nullopt});
    }
}

// The rest is found by the keys of the appends.
void Tracer::find_incoming() {
    tracing_ = {};
    tracing_.user = addressee().user;
    tracing_.accepted_at = addressee().accepted_at.value_or(WallTime{});
    store_.find({traced_.application, addressee().user},
                AppendKeys().incoming(traced_.sender, sighting_.key, addressee().user),
                either<std::optional<mailbox::Found>>(&Tracer::on_incoming));
}

void Tracer::on_incoming(Result<std::optional<mailbox::Found>> found) {
    if (!found) {
        tracing_.unreadable = true;
        ++answer_.unreadable;
    } else if (*found) {
        tracing_.incoming = *found;
        tracing_.accepted_at = (*found)->at;
    }
    store_.find(
        sender(),
        AppendKeys().delivered(traced_.sender.value(), sighting_.key.value(), addressee().user),
        either<std::optional<mailbox::Found>>(&Tracer::on_delivered));
}

void Tracer::on_delivered(Result<std::optional<mailbox::Found>> found) {
    if (found) {
        tracing_.delivered = *found;
    } else {
        tracing_.unreadable = true;
    }
    if (tracing_.delivered || !tracing_.incoming) {
        return end_recipient();
    }
    store_.devices({traced_.application, addressee().user},
                   either<std::vector<mailbox::DeviceSeen>>(&Tracer::on_devices));
}

void Tracer::on_devices(Result<std::vector<mailbox::DeviceSeen>> devices) {
    if (devices) {
        tracing_.devices = std::move(*devices);
    }
    end_recipient();
}

void Tracer::end_recipient() {
    // From an `incoming` it is not known who accepted: whoever has no trace of it did not.
    if (addressee().accepted_at || tracing_.incoming || tracing_.delivered) {
        traced_.recipients.push_back(std::move(tracing_));
    }
    next_recipient();
}

void Tracer::next_recipient() {
    ++recipient_ < addressees_.size() ? find_incoming() : finish_traced();
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
