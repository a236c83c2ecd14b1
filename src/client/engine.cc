#include "client/engine.h"

#include "base/random.h"
#include "client/engine_impl.h"

#include <algorithm>
#include <set>
#include <utility>

namespace parley::client {
namespace {

// How much of the callbacks that are due is read at once.
constexpr std::size_t kCallbacksAtOnce = 256;
constexpr std::size_t kCallbackBytesAtOnce = 1024 * 1024;
constexpr std::size_t kOutboxBytesAtOnce = 4 * 1024 * 1024;

std::vector<UserId> distinct(std::vector<UserId> users) {
    std::set<UserId> known;
    std::vector<UserId> kept;
    for (UserId& user : users) {
        if (known.insert(user).second) {
            kept.push_back(std::move(user));
        }
    }
    return kept;
}

Error bad(std::string what) {
    return make_error(ErrorCode::invalid_argument, std::move(what));
}

Result<void> check_options(const EngineOptions& options) {
    if (!wire::is_user_id(options.user.value())) {
        return unexpected(
            bad("the user id must be 1 to 255 printable ASCII characters without space"));
    }
    if (options.device && !wire::is_identifier(options.device->value())) {
        return unexpected(bad("the device id must be 1 to 64 of the characters A-Z a-z 0-9 - _"));
    }
    if (options.application.value().empty()) {
        return unexpected(bad("the application key is empty"));
    }
    return {};
}

}  // namespace

// ---- Engine

Engine::Engine(EngineOptions options, LocalStore& store, io::Loop& loop, io::Dialer& dialer,
               io::WallClock& wall, io::Entropy& entropy, EngineObserver& observer, Logger log)
    : impl_(std::make_unique<Impl>(std::move(options), store, loop, dialer, wall, entropy, observer,
                                   log)) {}

Engine::~Engine() = default;

Result<DeviceId> Engine::open() {
    return impl_->open();
}
const DeviceId& Engine::device() const {
    return impl_->device();
}
void Engine::start() {
    impl_->start();
}
void Engine::stop(Stop how) {
    impl_->stop(how);
}
void Engine::set_token(std::string token) {
    impl_->set_token(std::move(token));
}
void Engine::token_refused(const Error& error) {
    impl_->token_refused(error);
}
void Engine::network_changed() {
    impl_->network_changed();
}
void Engine::send(OutgoingDraft draft, SendDone done) {
    impl_->send(std::move(draft), std::move(done));
}
Result<std::optional<ChainKey>> Engine::copy_key(const MessageId& original) {
    return impl_->copy_key(original);
}
Result<void> Engine::cancel(const MessageId& message) {
    return impl_->cancel(message);
}
Result<std::vector<Entry>> Engine::outbox(Order after, std::size_t count) {
    return impl_->outbox(after, count);
}
std::chrono::milliseconds Engine::time_left(const Entry& entry) const {
    return impl_->time_left(entry);
}
Result<std::vector<Callback>> Engine::next_callbacks(std::size_t count) {
    return impl_->next_callbacks(count);
}
void Engine::callback_done(CallbackId id) {
    impl_->callback_done(id);
}
ConnectionState Engine::state() const {
    return impl_->state();
}
const Limits& Engine::limits() const {
    return impl_->limits();
}

// ---- Impl: what the owner calls

Engine::Impl::Impl(EngineOptions options, LocalStore& store, io::Loop& loop, io::Dialer& dialer,
                   io::WallClock& wall, io::Entropy& entropy, EngineObserver& observer, Logger log)
    : options_(std::move(options)),
      store_(store),
      loop_(loop),
      dialer_(dialer),
      observer_(observer),
      log_(log),
      entropy_(entropy),
      clocks_(loop, wall),
      backoff_(entropy.seed()),
      credentials_(entropy.seed()),
      link_(loop, dialer, *this) {}

Result<DeviceId> Engine::Impl::open() {
    if (auto checked = check_options(options_); !checked) {
        return unexpected(std::move(checked).error());
    }
    Binding binding{options_.application, options_.user, options_.device, {}, clocks_.wall_ms()};
    binding.fresh_device = DeviceId(UuidV7(entropy_.seed()).make(binding.wall_ms));
    auto facts = store_.bind(binding);
    if (!facts) {
        return unexpected(std::move(facts).error());
    }
    device_ = facts->device;
    limits_ = facts->limits;
    cursor_ = facts->cursor;
    clocks_.restore(*facts);
    clock_saved_ = loop_.now();
    opened_ = true;
    check_expiry_ = true;
    // What an earlier run left to be told.
    tell([this] { observer_.on_callbacks_due(); });
    wake();
    return device_;
}

void Engine::Impl::start() {
    if (!opened_ || (wanted_ && stopping_ == Stopping::no)) {
        return;
    }
    if (link_.session() == nullptr && !link_.dialing()) {
        link_.drop();  // What is left of the connection that stop() closed.
    }
    stopping_ = Stopping::no;
    wanted_ = true;
    accepting_ = true;
    if (!link_.active()) {
        started_said_ = false;
        said_.reset();
        state_.reason.reset();
        next_attempt_ = not_before_ = loop_.now();
        credentials_.begin();
    }
    wake();
}

void Engine::Impl::stop(Stop how) {
    accepting_ = false;
    if (!wanted_ && stopping_ == Stopping::no) {
        wake();
        return;
    }
    const bool at_once = how == Stop::now;
    if (at_once && stopping_ == Stopping::closing) {
        link_.drop();
        link_closed();
    } else if (stopping_ != Stopping::closing) {
        stopping_ = Stopping::gracefully;
        wanted_ = !at_once;
    }
    wake();
}

void Engine::Impl::set_token(std::string token) {
    credentials_.set(std::move(token));
    if (welcomed_ && !ended_ && link_.session() != nullptr) {
        link_.session()->refresh(credentials_.token());
    }
    wake();
}

void Engine::Impl::token_refused(const Error& error) {
    credentials_.denied(loop_.now());
    say_failed(error, Finality::retrying);
    wake();
}

void Engine::Impl::network_changed() {
    dialer_.network_changed();
    backoff_.reset();
    next_attempt_ = std::max(loop_.now(), not_before_);
    if (link_.dialing()) {
        link_.drop();
    } else {
        link_.probe();
    }
    wake();
}

std::chrono::milliseconds Engine::Impl::window() const {
    return std::min<std::chrono::milliseconds>(options_.retry_window, limits_.retry_window);
}

// R11: a chain first submitted at or before this is too old to be inherited.
std::optional<std::int64_t> Engine::Impl::chain_void_before() const {
    const auto server = clocks_.server_ms();
    if (!server) {
        return std::nullopt;
    }
    return *server - (std::chrono::milliseconds(limits_.dedupe_horizon) - window()).count();
}

Result<Draft> Engine::Impl::make_draft(OutgoingDraft outgoing) {
    if (!opened_ || !accepting_) {
        return unexpected(make_error(ErrorCode::wrong_state,
                                     "the client was terminated; start it to send again"));
    }
    if (!options_.supports_messaging) {
        return unexpected(make_error(
            ErrorCode::wrong_state,
            "messaging is not enabled; call set_support_messaging(true) before start()"));
    }
    if (outgoing.copy_of && !outgoing.key) {
        auto key = copy_key(*outgoing.copy_of);
        if (!key) {
            return unexpected(std::move(key).error());
        }
        outgoing.key = std::move(*key);
    }
    Draft draft;
    draft.chain_void_before_ms = chain_void_before();
    draft.message = {outgoing.id,
                     outgoing.key.value_or(ChainKey(outgoing.id.value())),
                     options_.user,
                     distinct(std::move(outgoing.recipients)),
                     std::move(outgoing.text),
                     std::move(outgoing.headers),
                     outgoing.created_at_ms,
                     0};
    // R13: what the SDK can know is an error at the call.
    const wire::Message message{draft.message.id,
                                {},
                                draft.message.recipients,
                                draft.message.text,
                                draft.message.headers,
                                draft.message.created_at_ms,
                                0,
                                draft.message.key};
    if (auto checked = wire::check_message(message, limits_); !checked) {
        return unexpected(std::move(checked).error());
    }
    return draft;
}

void Engine::Impl::send(OutgoingDraft outgoing, SendDone done) {
    auto draft = make_draft(std::move(outgoing));
    if (!draft) {
        tell([done = std::move(done), error = std::move(draft).error()]() mutable {
            done(unexpected(std::move(error)));
        });
    } else {
        waiters_.push_back({turn_.drafts.size(), std::move(done)});
        turn_.drafts.push_back(std::move(*draft));
    }
    wake();
}

Result<std::optional<ChainKey>> Engine::Impl::copy_key(const MessageId& original) {
    auto facts = store_.copy_facts(original);
    if (!facts) {
        return unexpected(std::move(facts).error());
    }
    const std::optional<CopyFacts>& found = *facts;
    if (!found || found->all_accepted) {
        return std::optional<ChainKey>();
    }
    const auto void_before = chain_void_before();
    if (found->chain_submitted_ms && void_before && *found->chain_submitted_ms <= *void_before) {
        return std::optional<ChainKey>();
    }
    return std::optional(found->key);
}

Result<void> Engine::Impl::cancel(const MessageId& message) {
    auto cancelled = store_.cancel(message, clocks_.now());
    if (!cancelled) {
        return unexpected(std::move(cancelled).error());
    }
    if (!*cancelled) {
        return unexpected(make_error(
            ErrorCode::too_late,
            "message " + message.value() + " was submitted already, or is not in the outbox"));
    }
    expiry_stale_ = true;
    wake();
    return {};
}

Result<std::vector<Entry>> Engine::Impl::outbox(Order after, std::size_t count) {
    return store_.entries(after, count, kOutboxBytesAtOnce);
}

std::chrono::milliseconds Engine::Impl::time_left(const Entry& entry) const {
    const std::int64_t left = entry.queued_elapsed_ms + window().count() - clocks_.elapsed_ms();
    return std::chrono::milliseconds(std::max<std::int64_t>(0, left));
}

Result<std::vector<Callback>> Engine::Impl::next_callbacks(std::size_t count) {
    auto callbacks =
        store_.callbacks(taken_, std::min(count, kCallbacksAtOnce), kCallbackBytesAtOnce);
    if (callbacks && !callbacks->empty()) {
        taken_ = callbacks->back().id;
    }
    return callbacks;
}

void Engine::Impl::callback_done(CallbackId id) {
    done_.push_back(id);
    wake();
}

}  // namespace parley::client
