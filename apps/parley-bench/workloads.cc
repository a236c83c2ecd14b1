#include "workload.h"

#include <unordered_map>
#include <utility>

namespace parley::bench {
namespace {

bool accepted(const wire::SubmitResult& result, std::string& why) {
    if (result.error) {
        why = result.error->description;
    }
    for (const auto& recipient : result.recipients) {
        if (recipient.error) {
            why = recipient.recipient_id.value() + ": " + recipient.error->description;
        }
    }
    return why.empty();
}

// Stores messages for absent users, then drains them. A user is known to the server once it was
// connected.
class Offline final : public Workload {
  public:
    using Workload::Workload;

    void start() override {
        for (std::size_t i = 0; i < settings_.pairs; ++i) {
            Device::Hooks hooks;
            hooks.on_welcome = [this] { connected_one(); };
            hooks.on_incoming = [this](const wire::Message&) { drained(); };
            add_device(user("absent", i), "a", std::move(hooks));
        }
        connect_all(0, settings_.pairs, true, [this] { store(); });
    }

  private:
    static constexpr std::size_t kSenders = 8;

    void store() {
        for (std::size_t i = 0; i < settings_.pairs; ++i) {
            devices_[i]->drop();
        }
        for (std::size_t i = 0; i < kSenders; ++i) {
            Device::Hooks hooks;
            hooks.on_welcome = [this] { connected_one(); };
            hooks.on_result = [this, i](const wire::SubmitResult& result) { answered(result, i); };
            add_device(user("sender", i), "s", std::move(hooks));
        }
        connect_all(settings_.pairs, kSenders, true, [this] {
            begin_measuring();
            for (std::size_t i = 0; i < kSenders; ++i) {
                for (std::size_t k = 0; k < settings_.outstanding; ++k) {
                    send(i);
                }
            }
        });
    }

    void send(std::size_t sender) {
        if (submitted_ >= settings_.messages) {
            return;
        }
        devices_[settings_.pairs + sender]->submit(
            message_to({user("absent", submitted_ % settings_.pairs)}));
        ++submitted_;
    }

    void answered(const wire::SubmitResult& result, std::size_t sender) {
        std::string why;
        if (!accepted(result, why)) {
            return fail(why);
        }
        if (++answered_ < settings_.messages) {
            return send(sender);
        }
        report_.add("stored", static_cast<double>(answered_) / seconds_measured(), "/s");
        add_server_figures(static_cast<double>(answered_));
        for (std::size_t i = 0; i < kSenders; ++i) {
            devices_[settings_.pairs + i]->drop();
        }
        begin_measuring();
        connect_all(0, settings_.pairs, false, [] {});
    }

    void drained() {
        if (++drained_ < settings_.messages) {
            return;
        }
        report_.add("drained", static_cast<double>(drained_) / seconds_measured(), "/s");
        add_server_figures(static_cast<double>(drained_));
        finish();
    }

    std::size_t submitted_ = 0, answered_ = 0, drained_ = 0;
};

// Connections that say nothing.
class Idle final : public Workload {
  public:
    using Workload::Workload;

    void start() override {
        for (std::size_t i = 0; i < settings_.pairs; ++i) {
            Device::Hooks hooks;
            hooks.on_welcome = [this] { connected_one(); };
            add_device(user("idle", i), "i", std::move(hooks));
        }
        const ProcessUse before = ProcessUse::of(settings_.server_pid);
        begin_measuring();
        connect_all(0, settings_.pairs, true, [this, before] {
            report_.add("connected", static_cast<double>(settings_.pairs) / seconds_measured(),
                        "/s");
            begin_measuring();
            end_ = loop_.call_at(loop_.now() + duration_, [this, before] {
                const ProcessUse now = ProcessUse::of(settings_.server_pid);
                if (settings_.server_pid > 0) {
                    report_.add("server memory per connection",
                                (now.resident_kib - before.resident_kib) /
                                    static_cast<double>(settings_.pairs),
                                "KiB");
                }
                add_server_figures(0);
                finish();
            });
        });
    }

  private:
    io::Timer end_;
};

// One sender, one message to many recipients, all online.
class Fanout final : public Workload {
  public:
    using Workload::Workload;

    void start() override {
        for (std::size_t i = 0; i < settings_.pairs; ++i) {
            Device::Hooks hooks;
            hooks.on_welcome = [this] { connected_one(); };
            hooks.on_incoming = [this](const wire::Message& message) {
                arrived(message.message_id);
            };
            add_device(user("receiver", i), "r", std::move(hooks));
            recipients_.push_back(user("receiver", i));
        }
        Device::Hooks hooks;
        hooks.on_welcome = [this] { connected_one(); };
        hooks.on_result = [this](const wire::SubmitResult& result) { answered(result); };
        add_device(user("sender", 0), "s", std::move(hooks));
        connect_all(0, settings_.pairs + 1, true, [this] {
            begin_measuring();
            end_ = loop_.call_at(loop_.now() + duration_, [this] { stop(); });
            for (std::size_t k = 0; k < settings_.outstanding; ++k) {
                send();
            }
        });
    }

  private:
    struct Flight {
        Clock::time_point started;
        std::size_t open;
    };

    void send() {
        const wire::Submit submit = message_to(recipients_);
        flights_[submit.message.message_id] = {Clock::now(), recipients_.size()};
        devices_.back()->submit(submit);
    }
    void answered(const wire::SubmitResult& result) {
        std::string why;
        if (!accepted(result, why)) {
            return fail(why);
        }
        if (const auto at = flights_.find(result.message_id); at != flights_.end()) {
            sent_.record(us_since(at->second.started));
        }
    }
    void arrived(const MessageId& id) {
        const auto at = flights_.find(id);
        if (at == flights_.end()) {
            return;
        }
        delivered_.record(us_since(at->second.started));
        if (--at->second.open > 0) {
            return;
        }
        flights_.erase(at);
        send();
    }
    void stop() {
        const double seconds = seconds_measured();
        report_.add("messages sent", static_cast<double>(sent_.count()) / seconds, "/s");
        report_.add("deliveries", static_cast<double>(delivered_.count()) / seconds, "/s");
        add_server_figures(static_cast<double>(delivered_.count()));
        report_.latencies = {{"sent", sent_}, {"delivered", delivered_}};
        finish();
    }

    std::vector<UserId> recipients_;
    std::unordered_map<MessageId, Flight> flights_;
    Histogram sent_, delivered_;
    io::Timer end_;
};

// Devices that reconnect at once, each with a few events waiting.
class Storm final : public Workload {
  public:
    using Workload::Workload;

    void start() override {
        waiting_.assign(settings_.pairs, 0);
        for (std::size_t i = 0; i < settings_.pairs; ++i) {
            Device::Hooks hooks;
            hooks.on_welcome = [this] { connected_one(); };
            hooks.on_incoming = [this, i](const wire::Message&) { arrived(i); };
            add_device(user("storm", i), "d", std::move(hooks));
        }
        connect_all(0, settings_.pairs, true, [this] { store(); });
    }

  private:
    void store() {
        for (std::size_t i = 0; i < settings_.pairs; ++i) {
            devices_[i]->drop();
        }
        Device::Hooks hooks;
        hooks.on_welcome = [this] { connected_one(); };
        hooks.on_result = [this](const wire::SubmitResult& result) { answered(result); };
        add_device(user("sender", 0), "s", std::move(hooks));
        connect_all(settings_.pairs, 1, true, [this] {
            for (std::size_t k = 0; k < 64; ++k) {
                send();
            }
        });
    }
    void send() {
        if (submitted_ >= settings_.pairs * settings_.messages) {
            return;
        }
        devices_.back()->submit(message_to({user("storm", submitted_ % settings_.pairs)}));
        ++submitted_;
    }
    void answered(const wire::SubmitResult& result) {
        std::string why;
        if (!accepted(result, why)) {
            return fail(why);
        }
        if (++answered_ < settings_.pairs * settings_.messages) {
            return send();
        }
        devices_.back()->drop();
        begin_measuring();
        began_all_ = Clock::now();
        connect_all(0, settings_.pairs, false, [] {});
    }
    void arrived(std::size_t device) {
        if (++waiting_[device] != settings_.messages) {
            return;
        }
        caught_up_.record(us_since(began_all_));
        if (caught_up_.count() < settings_.pairs) {
            return;
        }
        report_.add("devices caught up", static_cast<double>(settings_.pairs) / seconds_measured(),
                    "/s");
        add_server_figures(static_cast<double>(settings_.pairs));
        report_.latencies = {{"caught up", caught_up_}};
        finish();
    }

    std::vector<std::size_t> waiting_;
    std::size_t submitted_ = 0, answered_ = 0;
    Clock::time_point began_all_;
    Histogram caught_up_;
};

}  // namespace

std::unique_ptr<Workload> make_workload(Settings settings, io::Loop& loop, io::Dialer& dialer,
                                        const io::WallClock& clock, std::uint64_t seed) {
    const std::string name = settings.workload;
    const auto make = [&]<typename W>() -> std::unique_ptr<Workload> {
        return std::make_unique<W>(std::move(settings), loop, dialer, clock, seed);
    };
    if (name == "offline") {
        return make.template operator()<Offline>();
    }
    if (name == "idle") {
        return make.template operator()<Idle>();
    }
    if (name == "fanout") {
        return make.template operator()<Fanout>();
    }
    if (name == "storm") {
        return make.template operator()<Storm>();
    }
    return nullptr;
}

}  // namespace parley::bench
