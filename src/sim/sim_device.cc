#include "sim/sim_device.h"

#include "adapters/sqlite/sqlite_store.h"
#include "base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

namespace parley::sim {
namespace {

constexpr std::size_t kCallbacksAtOnce = 8;
constexpr Duration kBootAgain = std::chrono::seconds(5);
constexpr Duration kMostGrace = std::chrono::seconds(4);

}  // namespace

// What a process has in memory. Destroyed in the reverse order: the engine first, its loop last.
struct SimDevice::Process {
    Process(SimDevice& device, std::uint64_t seed)
        : loop(device.surroundings_.scheduler, device.options_.drift, seed),
          entropy(seed ^ 0x5eed),
          ids(seed ^ 0x1d5),
          dialer(device.surroundings_.network.dialer(device.tag_.host, loop)) {}

    SimLoop loop;
    SimEntropy entropy;
    UuidV7 ids;
    std::unique_ptr<io::Dialer> dialer;
    std::unique_ptr<client::LocalStore> store;
    std::unique_ptr<client::Engine> engine;
    std::deque<client::Callback> taken;
    std::vector<io::Timer> timers;
    io::Timer callback_timer;
    io::Timer quit_timer;
    bool taking = false;
    bool quitting = false;  // no further callback begins
};

SimDevice::SimDevice(DeviceSurroundings& surroundings, DeviceTag tag, DeviceOptions options,
                     std::uint64_t seed)
    : surroundings_(surroundings),
      tag_(std::move(tag)),
      options_(std::move(options)),
      random_(seed),
      clock_(surroundings.scheduler, options_.drift),
      disk_("parley-sim-" + tag_.host, seed ^ 0xd15c, clock_) {}

SimDevice::~SimDevice() {
    if (process_ != nullptr) {
        process_->engine.reset();
        process_->store.reset();
        process_->loop.shut_down();
    }
}

void SimDevice::boot() {
    const std::uint64_t attempt = ++boot_attempt_;
    if (process_ != nullptr) {
        boot_when_down_ = ending_ || process_->quitting;
        return;
    }
    if (start_process()) {
        return;
    }
    surroundings_.trace.note("app.no_boot", tag_.host);
    surroundings_.scheduler.after(kBootAgain, [this, attempt] {
        if (attempt == boot_attempt_) {
            boot();
        }
    });
}

bool SimDevice::start_process() {
    disk_.revive();
    auto process = std::make_unique<Process>(*this, random_.next());
    auto store = sqlite::open_sqlite_store({.folder = "store", .vfs = disk_.name()},
                                           Logger(surroundings_.log));
    if (!store) {
        surroundings_.trace.note("app.store_error", tag_.host, store.error().description);
        return false;
    }
    process->store = std::move(*store);
    client::EngineOptions options;
    options.application = options_.application;
    options.user = tag_.user;
    options.device = tag_.device;
    options.target.url = "ws://server";
    options.target.subprotocol = "parley.v1.proto";
    options.supports_messaging = tag_.messaging;
    options.retry_window = options_.retry_window;
    options.inbox_bytes = options_.inbox_bytes;
    client::EngineObserver& observer = *this;
    process->engine = std::make_unique<client::Engine>(options, *process->store, process->loop,
                                                       *process->dialer, clock_, process->entropy,
                                                       observer, Logger(surroundings_.log));
    const auto opened = process->engine->open();
    if (!opened) {
        surroundings_.trace.note("app.store_error", tag_.host, opened.error().description);
        process->engine.reset();
        process->store.reset();
        return false;
    }
    process_ = std::move(process);
    ending_ = false;
    for (Witness* witness : surroundings_.witnesses) {
        witness->on_process_start(tag_);
    }
    surroundings_.trace.note("app.start", tag_.host);
    process_->loop.post([this] {
        process_->engine->start();
        on_callbacks_due();
    });
    return true;
}

void SimDevice::quit() {
    ++boot_attempt_;
    if (!running()) {
        return;
    }
    surroundings_.trace.note("app.quit", tag_.host);
    process_->loop.post([this] {
        process_->quitting = true;
        const bool gracefully = random_.chance(0.3);
        process_->engine->stop(gracefully ? client::Stop::gracefully : client::Stop::now);
        finish_quit(process_->loop.now() + kMostGrace);
    });
}

// When the engine has come to rest, and the last callback has returned and its mark is on disk.
void SimDevice::finish_quit(Instant deadline) {
    const Duration enough = 2 * options_.habits.callback_takes + std::chrono::milliseconds(1);
    process_->quit_timer = process_->loop.call_at(process_->loop.now() + enough, [this, deadline] {
        if (process_->engine->state().phase == client::Phase::stopped) {
            surroundings_.scheduler.next([this] { tear_down(false); });
            return;
        }
        if (process_->loop.now() >= deadline) {
            process_->engine->stop(client::Stop::now);
        }
        finish_quit(deadline);
    });
}

void SimDevice::crash(PowerLoss how) {
    ++boot_attempt_;
    if (!running()) {
        return;
    }
    ending_ = true;
    connected_ = false;
    surroundings_.trace.note("app.crash", tag_.host,
                             how == PowerLoss::machine ? "power" : "process");
    disk_.stop(how);
    surroundings_.network.end_process(tag_.host, End::client, how == PowerLoss::machine);
    surroundings_.scheduler.next([this] { tear_down(true); });
}

void SimDevice::tear_down(bool crashed) {
    if (process_ == nullptr || (!crashed && ending_)) {
        return;
    }
    process_->engine.reset();
    process_->store.reset();
    process_->loop.shut_down();
    process_.reset();
    disk_.revive();
    ending_ = false;
    connected_ = false;
    for (Witness* witness : surroundings_.witnesses) {
        witness->on_process_end(tag_, crashed);
    }
    disk_disturbed_ = disk_.faulty();
    if (std::exchange(boot_when_down_, false)) {
        boot();
    }
}

void SimDevice::later(Duration most, Task task) {
    constexpr Duration kLeast{200};
    auto& timers = process_->timers;
    // Of so many the older half ran long ago.
    constexpr std::size_t kManyTimers = 512;
    if (timers.size() >= kManyTimers) {
        timers.erase(timers.begin(), timers.begin() + kManyTimers / 2);
    }
    const Duration delay =
        kLeast + Duration(random_.below(static_cast<std::uint64_t>(most.count()) + 1));
    timers.push_back(process_->loop.call_at(process_->loop.now() + delay, std::move(task)));
}

void SimDevice::on_started(const UserId&, const DeviceId& device) {
    PARLEY_ASSERT(device == tag_.device);
}

void SimDevice::on_state(const client::ConnectionState& state) {
    if (ending_) {
        return;
    }
    const bool was = std::exchange(connected_, state.phase == client::Phase::connected);
    if (connected_ && !was) {
        ++sessions_;
    }
    surroundings_.trace.note("app.state", tag_.host, std::to_string(static_cast<int>(state.phase)));
}

void SimDevice::on_failed(const Error& error, client::Finality finality) {
    if (ending_) {
        return;
    }
    surroundings_.trace.note("app.failed", tag_.host, error.description);
    if (finality == client::Finality::final) {
        // The user presses the button again.
        later(std::chrono::seconds(5), [this] { process_->engine->start(); });
    }
}

void SimDevice::on_token_needed(client::TokenReason) {
    if (ending_) {
        return;
    }
    later(std::chrono::milliseconds(300), [this] {
        if (random_.chance(options_.habits.token_refused)) {
            process_->engine->token_refused(
                make_error(ErrorCode::server_error, "the backend is busy"));
        } else {
            process_->engine->set_token(surroundings_.sign_token(tag_, options_.habits.token_life));
        }
    });
}

void SimDevice::on_inbox(client::InboxState state) {
    surroundings_.trace.note("app.inbox", tag_.host,
                             state == client::InboxState::full ? "full" : "room");
}

void SimDevice::on_callbacks_due() {
    if (ending_ || process_->taking) {
        return;
    }
    process_->taking = true;
    take_callbacks();
}

void SimDevice::take_callbacks() {
    if (process_->quitting) {
        return;
    }
    if (process_->taken.empty()) {
        auto next = process_->engine->next_callbacks(1 + random_.below(kCallbacksAtOnce));
        if (!next) {
            later(std::chrono::seconds(1), [this] { take_callbacks(); });
            return;
        }
        process_->taken.insert(process_->taken.end(), next->begin(), next->end());
    }
    if (process_->taken.empty()) {
        process_->taking = false;
        return;
    }
    process_->callback_timer = process_->loop.call_at(
        process_->loop.now() +
            Duration(random_.below(
                static_cast<std::uint64_t>(options_.habits.callback_delay.count()) + 1)),
        [this] { run_callback(); });
}

void SimDevice::run_callback() {
    if (ending_ || process_->quitting) {
        return;
    }
    const client::Callback callback = std::move(process_->taken.front());
    process_->taken.pop_front();
    note_callback(callback);
    for (Witness* witness : surroundings_.witnesses) {
        witness->on_told(tag_, callback);
    }
    if (random_.chance(options_.habits.crash_in_callback)) {
        const client::CallbackId id = callback.id;
        // Before the mark, or after the call but before the mark is on disk.
        if (random_.chance(0.5)) {
            process_->engine->callback_done(id);
        }
        crash(random_.chance(0.5) ? PowerLoss::machine : PowerLoss::process);
        return;
    }
    const auto takes = static_cast<std::uint64_t>(options_.habits.callback_takes.count());
    if (takes == 0 || random_.chance(0.5)) {
        end_callback(callback.id);
    } else {
        process_->callback_timer =
            process_->loop.call_at(process_->loop.now() + Duration(random_.below(takes)),
                                   [this, id = callback.id] { end_callback(id); });
    }
}

void SimDevice::end_callback(client::CallbackId id) {
    if (ending_) {
        return;
    }
    process_->engine->callback_done(id);
    take_callbacks();
}

void SimDevice::note_callback(const client::Callback& callback) {
    const auto what = [&]() -> std::string {
        if (const auto* in = std::get_if<client::IncomingDue>(&callback.due)) {
            return "incoming " + in->message.id.value();
        }
        if (const auto* sent = std::get_if<client::SentDue>(&callback.due)) {
            return "sent " + sent->message.id.value() + " " + sent->recipient.value();
        }
        if (const auto* delivered = std::get_if<client::DeliveredDue>(&callback.due)) {
            return "delivered " + delivered->message.value() + " " + delivered->recipient.value();
        }
        const auto& failed = std::get<client::FailedDue>(callback.due);
        return fmt::format("failed {} {}", failed.message.id.value(), failed.failures.size());
    };
    surroundings_.trace.note("app.told", tag_.host,
                             fmt::format("{} (callback {})", what(), callback.id.value()));
}

MessageId SimDevice::send(std::vector<UserId> recipients, std::string text,
                          std::map<std::string, std::string> headers) {
    client::OutgoingDraft draft;
    draft.id = MessageId(process_->ids.make(to_ms(clock_.now())));
    draft.recipients = std::move(recipients);
    draft.text = std::move(text);
    draft.headers = std::move(headers);
    const MessageId id = draft.id;
    submit(std::move(draft));
    return id;
}

void SimDevice::send_copy(const MessageId& original, const std::vector<UserId>& recipients,
                          const std::string& text,
                          const std::map<std::string, std::string>& headers) {
    process_->loop.post([this, original, recipients, text, headers] {
        if (ending_ || process_->quitting) {
            return;
        }
        const auto key = process_->engine->copy_key(original);
        if (!key) {
            surroundings_.trace.note("app.no_copy", tag_.host, key.error().description);
            return;
        }
        for (Witness* witness : surroundings_.witnesses) {
            witness->on_copy(tag_, original, *key);
        }
        client::OutgoingDraft draft;
        draft.id = MessageId(process_->ids.make(to_ms(clock_.now())));
        draft.recipients = recipients;
        draft.text = text;
        draft.headers = headers;
        draft.key = *key;
        submit(std::move(draft));
    });
}

void SimDevice::submit(client::OutgoingDraft draft) {
    draft.created_at_ms = to_ms(clock_.now());
    process_->loop.post([this, draft = std::move(draft)]() mutable {
        if (ending_ || process_->quitting) {
            return;
        }
        for (Witness* witness : surroundings_.witnesses) {
            witness->on_send(tag_, draft);
        }
        surroundings_.trace.note("app.send", tag_.host, draft.id.value());
        process_->engine->send(draft, [this, draft](Result<void> result) {
            if (ending_) {
                return;
            }
            surroundings_.trace.note("app.send_returned", tag_.host,
                                     result ? draft.id.value() : result.error().description);
            for (Witness* witness : surroundings_.witnesses) {
                witness->on_send_returned(tag_, draft, result);
            }
        });
    });
}

void SimDevice::cancel(const MessageId& message) {
    process_->loop.post([this, message] {
        // The process may end in the middle of the call, which then never returned.
        if (!ending_ && process_->engine->cancel(message) && !ending_) {
            surroundings_.trace.note("app.cancelled", tag_.host, message.value());
            for (Witness* witness : surroundings_.witnesses) {
                witness->on_cancelled(tag_, message);
            }
        }
    });
}

void SimDevice::network_changed() {
    process_->loop.post([this] {
        if (!ending_) {
            process_->engine->network_changed();
        }
    });
}

bool SimDevice::outbox_empty() {
    if (!running()) {
        return false;
    }
    const auto entries = process_->engine->outbox(client::Order{}, 1);
    return entries && entries->empty();
}

bool SimDevice::after_power_loss(
    const std::function<bool(client::LocalStore&, const client::StoreFacts&)>& check) {
    SimVfs copy(disk_.name() + "-copy", 0, clock_);
    copy.copy_synced(disk_);
    auto store =
        sqlite::open_sqlite_store({.folder = "store", .vfs = copy.name()}, Logger(null_log()));
    if (!store) {
        return false;
    }
    const auto facts =
        (*store)->bind({options_.application, tag_.user, tag_.device, tag_.device, 0});
    return facts && check(**store, *facts);
}

// Where all is synced nothing can be lost, and no copy is needed.
bool SimDevice::keeps_cursor(const Cursor& cursor) {
    return disk_.unsynced().empty() ||
           after_power_loss([&](client::LocalStore&, const client::StoreFacts& facts) {
               return facts.cursor && facts.cursor->epoch == cursor.epoch &&
                      facts.cursor->sequence >= cursor.sequence;
           });
}

bool SimDevice::keeps_submission(const MessageId& message) {
    return disk_.unsynced().empty() ||
           after_power_loss([&](client::LocalStore& store, const client::StoreFacts&) {
               const auto entries = store.entries(client::Order(), SIZE_MAX / 2, SIZE_MAX / 2);
               return entries &&
                      std::any_of(entries->begin(), entries->end(), [&](const client::Entry& e) {
                          return e.message.id == message && e.submitted_ms;
                      });
           });
}

void SimDevice::jump_clock(Duration by) {
    clock_.jump(by);
    clock_disturbed_ = true;
}

}  // namespace parley::sim
