#include "admin/trace.h"

#include "admin/answer.h"
#include "server/trace.h"
#include "time_text.h"
#include "words.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <memory>
#include <utility>

namespace parley::parleyd {
namespace {

using nlohmann::ordered_json;
using server::TraceAnswer;
using server::Traced;

const char* state_of(const server::TracedRecipient& recipient) {
    if (recipient.delivered) {
        return "delivered";
    }
    if (recipient.unreadable) {
        return "unreadable";
    }
    return recipient.incoming ? "waiting" : "gone";
}

ordered_json to_json(const server::TracedRecipient& recipient) {
    ordered_json json{{"user", recipient.user.value()},
                      {"state", state_of(recipient)},
                      {"accepted_at", to_rfc3339(recipient.accepted_at)}};
    json["sequence"] = recipient.incoming ? ordered_json(recipient.incoming->sequence.value())
                                          : ordered_json(nullptr);
    if (recipient.delivered) {
        json["delivered_at"] = to_rfc3339(recipient.delivered->at);
        json["receipt_sequence"] = recipient.delivered->sequence.value();
        return json;
    }
    json["devices"] = ordered_json::array();
    for (const mailbox::DeviceSeen& device : recipient.devices) {
        json["devices"].push_back(
            {{"device", device.device.value()}, {"last_seen", to_rfc3339(device.last_seen)}});
    }
    return json;
}

ordered_json to_json(const Traced& traced) {
    ordered_json json{{"application", traced.application.value()}, {"from", traced.sender.value()}};
    json["device"] = traced.device ? ordered_json(traced.device->value()) : ordered_json(nullptr);
    json["sent_at"] =
        traced.sent ? ordered_json(to_rfc3339(traced.sent->at)) : ordered_json(nullptr);
    json["sequence"] =
        traced.sent ? ordered_json(traced.sent->sequence.value()) : ordered_json(nullptr);
    json["recipients"] = ordered_json::array();
    for (const server::TracedRecipient& recipient : traced.recipients) {
        json["recipients"].push_back(to_json(recipient));
    }
    return json;
}

io::HttpResponse to_response(const MessageId& message, const TraceAnswer& answer) {
    ordered_json json{{"message", message.value()},
                      {"finished", !answer.next.has_value()},
                      {"found", answer.traced ? to_json(*answer.traced) : ordered_json(nullptr)},
                      {"mailboxes", answer.mailboxes},
                      {"unreadable", answer.unreadable},
                      {"events", answer.events}};
    if (answer.next) {
        json["next"] = {{"application", answer.next->application.value()},
                        {"user", answer.next->user.value()},
                        {"sequence", answer.next->sequence.value()}};
    }
    return parleyd::answer(json);
}

// One request: a step of the search, or all of them.
class Search final : public std::enable_shared_from_this<Search> {
  public:
    Search(const TraceParts& parts, server::TraceQuery query, AdminRouter::Done done)
        : requests_(parts.requests),
          background_(parts.background),
          store_(parts.store),
          whole_(parts.whole),
          query_(std::move(query)),
          done_(std::move(done)) {}

    void start() {
        background_.post([self = shared_from_this()] {
            // A later step goes on with a search whose sender there is.
            self->query_.from && !self->query_.place ? self->find_sender(0) : self->step();
        });
    }

  private:
    // In the applications from this one on: one of them must have the sender, or their name is
    // mistyped. What cannot be read is left to the search.
    void find_sender(std::size_t number) {
        if (number == query_.applications.size()) {
            const std::string where = number == 1
                                          ? "application " + query_.applications.front().value()
                                          : "any application";
            return reply(refuse(404, "there is no user " + shown(query_.from->value()) + " in " +
                                         where + "; without --from all mailboxes are searched"));
        }
        store_.user({query_.applications[number], *query_.from},
                    [self = shared_from_this(), number](Result<mailbox::UserState> state) {
                        !state || state->exists ? self->step() : self->find_sender(number + 1);
                    });
    }
    void step() {
        server::trace_step(store_, query_, [self = shared_from_this()](Result<TraceAnswer> answer) {
            self->on_answer(std::move(answer));
        });
    }
    void on_answer(Result<TraceAnswer> answer) {
        if (!answer) {
            return reply(refuse(503, answer.error().description));
        }
        answer->mailboxes += std::exchange(mailboxes_, 0);
        answer->events += std::exchange(events_, 0);
        answer->unreadable += std::exchange(unreadable_, 0);
        if (whole_ && answer->next) {
            mailboxes_ = answer->mailboxes;
            events_ = answer->events;
            unreadable_ = answer->unreadable;
            query_.place = std::move(answer->next);
            return step();
        }
        reply(to_response(query_.message, *answer));
    }
    void reply(io::HttpResponse response) {
        requests_.post([self = shared_from_this(), response = std::move(response)]() mutable {
            self->done_(std::move(response));
        });
    }

    io::Loop& requests_;
    io::Loop& background_;
    mailbox::Store& store_;
    const bool whole_;
    server::TraceQuery query_;
    AdminRouter::Done done_;
    std::uint64_t mailboxes_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t unreadable_ = 0;
};

void trace(const TraceParts& parts, const AdminRequest& request, AdminRouter::Done done) {
    server::TraceQuery query;
    query.message = MessageId(std::string(request["message"]));
    query.applications = parts.applications();
    if (const auto application = request["app"]; !application.empty()) {
        std::erase_if(query.applications,
                      [&](const ApplicationKey& key) { return key.value() != application; });
        if (query.applications.empty()) {
            return done(no_application(ApplicationKey(std::string(application))));
        }
    }
    if (const auto from = request["from"]; !from.empty()) {
        query.from = UserId(std::string(from));
    }
    if (const auto application = request["at_app"]; !application.empty()) {
        std::uint64_t sequence = 0;
        const auto digits = request["at_sequence"];
        std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
        query.place =
            server::TracePlace{ApplicationKey(std::string(application)),
                               UserId(std::string(request["at_user"])), Sequence(sequence)};
    }
    std::make_shared<Search>(parts, std::move(query), std::move(done))->start();
}

}  // namespace

void add_trace_routes(AdminRouter& router, TraceParts parts) {
    router.add("GET", "/v1/trace/{message}?app&from&at_app&at_user&at_sequence",
               [parts = std::move(parts)](const AdminRequest& request, AdminRouter::Done done) {
                   trace(parts, request, std::move(done));
               });
}

}  // namespace parley::parleyd
