#include "sim/world.h"

#include "protocol/token.h"

#include <fmt/format.h>

#include <utility>

namespace parley::sim {
namespace {

const ApplicationKey kApplication("simulated-application");
constexpr std::string_view kSecret = "c2ltdWxhdGVkLXNlY3JldC1vZi0zMi1ieXRlcyEhISE=";

// Log lines of the shipped code, as part of the trace.
class TraceLog final : public LogSink {
  public:
    explicit TraceLog(Trace& trace) : trace_(trace) {}
    void write(LogLevel level, std::string_view event,
               const std::vector<LogField>& fields) override {
        std::string line(event);
        for (const LogField& field : fields) {
            line += fmt::format(" {}={}", field.key, field.value);
        }
        trace_.remark("log", to_string(level), line);
    }
    bool enabled(LogLevel level) const override {
        return trace_.printing() && level >= LogLevel::debug;
    }

  private:
    Trace& trace_;
};

}  // namespace

World::World(const Scenario& scenario, Trace::Lines lines)
    : scenario_(scenario),
      trace_([this] { return scheduler_.now(); }),
      verdict_([this](const Verdict::Broken& broken) {
          trace_.note("BROKEN", broken.rule, broken.what);
      }),
      random_(scenario.seed),
      network_(scheduler_, scenario.network, random_.next(), trace_),
      log_(std::make_unique<TraceLog>(trace_)) {
    trace_.print_to(std::move(lines));
    SimVfs::seed_sqlite(random_.next());
    server_ = std::make_unique<SimServer>(scheduler_, network_, trace_, *log_, server_options(),
                                          random_.next());
    server_->disk().flush_most = scenario_.flush_most;
    truth_ = std::make_unique<Truth>(kApplication, server_->disk(), scheduler_, verdict_);
    server_->disk().set_observer(truth_.get());
    session_checker_ = std::make_unique<SessionChecker>(
        *truth_, verdict_, scenario_.limits,
        SessionChecker::World{[this](const std::string& host, const MessageId& message) {
                                  SimDevice* device = device_on(host);
                                  return device == nullptr || device->disk_disturbed() ||
                                         device->keeps_submission(message);
                              },
                              [this](const std::string& host, const Cursor& cursor) {
                                  SimDevice* device = device_on(host);
                                  return device == nullptr || device->disk_disturbed() ||
                                         device->keeps_cursor(cursor);
                              },
                              [this] { return server_->store_time(); },
                              [this](const std::string& host, End end, const char* frame) {
                                  said(host, end, frame);
                              }});
    network_.set_tap(session_checker_.get());
    const auto horizon = std::max(scenario_.limits.retention, 2 * scenario_.limits.retry_window);
    journal_ = std::make_unique<Journal>(
        *truth_, *session_checker_, verdict_,
        Journal::World{[this] { return scheduler_.now(); },
                       [this](const std::string& host) {
                           SimDevice* device = device_on(host);
                           return server_clock_disturbed_ ||
                                  (device != nullptr && device->clock_disturbed());
                       },
                       [this](const std::string& host) {
                           SimDevice* device = device_on(host);
                           return device != nullptr && device->disk_disturbed();
                       },
                       [this] { return server_->store_time(); }, scenario_.limits.retry_window,
                       scenario_.limits.retention, horizon, false});
    surroundings_ = std::make_unique<DeviceSurroundings>(DeviceSurroundings{
        scheduler_,
        network_,
        trace_,
        {journal_.get()},
        [this](const DeviceTag& device, Duration life) { return sign_token(device, life); },
        *log_});
    make_people();
    server_->boot();
}

World::~World() {
    network_.set_tap(nullptr);
    server_->disk().set_observer(nullptr);
    devices_.clear();
    server_.reset();
    scheduler_.clear();
}

ServerOptions World::server_options() const {
    ServerOptions options;
    options.application = kApplication;
    options.secret = kSecret;
    options.node.limits = scenario_.limits;
    options.node.server.rate_per_second = scenario_.rate_per_second;
    options.node.server.rate_burst = std::max(scenario_.limits.recipients, 50u);
    options.node.server.quota_pending_bytes = 0;
    options.node.server.quota_retained_bytes = 0;
    options.retention = scenario_.limits.retention;
    options.loops = scenario_.loops;
    options.drift = {40};
    return options;
}

void World::make_people() {
    for (std::size_t i = 0; i < scenario_.devices_of_user.size(); ++i) {
        people_.emplace_back(fmt::format("user-{}", i));
        truth_->expect_user(people_.back());
        for (std::uint32_t device = 0; device < scenario_.devices_of_user[i]; ++device) {
            add_device(people_.back(), true).boot();
        }
    }
    for (std::uint32_t i = 0; i < scenario_.users_without_messaging; ++i) {
        strangers_.emplace_back(fmt::format("silent-{}", i));
        truth_->expect_user(strangers_.back());
        add_device(strangers_.back(), false).boot();
    }
    for (std::uint32_t i = 0; i < scenario_.unknown_users; ++i) {
        strangers_.emplace_back(fmt::format("unknown-{}", i));
        truth_->expect_user(strangers_.back());
    }
}

SimDevice& World::add_device(const UserId& user, bool messaging) {
    DeviceTag tag;
    tag.index = devices_.size();
    tag.user = user;
    tag.host = fmt::format("{}.{}", user.value(), tag.index);
    tag.device = DeviceId(fmt::format("device-{}", tag.index));
    tag.messaging = messaging;
    DeviceOptions options;
    options.application = kApplication;
    options.retry_window = scenario_.limits.retry_window;
    options.inbox_bytes = scenario_.inbox_bytes;
    options.drift = {static_cast<std::int64_t>(random_.below(201)) - 100};
    options.habits.crash_in_callback = healed_ ? 0 : scenario_.crash_in_callback;
    options.habits.token_refused = healed_ ? 0 : scenario_.token_refused;
    options.habits.token_life = scenario_.token_life;
    options.habits.callback_delay = Duration(random_.chance(0.2) ? 200'000 : 1'000);
    devices_.push_back(
        std::make_unique<SimDevice>(*surroundings_, std::move(tag), options, random_.next()));
    SimDevice& device = *devices_.back();
    by_host_[device.tag().host] = &device;
    journal_->add_device(device.tag());
    return device;
}

SimDevice& World::any_device() {
    return *devices_[random_.below(devices_.size())];
}

SimDevice* World::any_running() {
    for (int attempt = 0; attempt < 8; ++attempt) {
        SimDevice& device = any_device();
        if (device.running() && device.tag().messaging) {
            return &device;
        }
    }
    return nullptr;
}

SimDevice* World::device_on(const std::string& host) {
    const auto found = by_host_.find(host);
    return found == by_host_.end() ? nullptr : found->second;
}

std::string World::sign_token(const DeviceTag& device, Duration life) {
    protocol::TokenClaims claims;
    claims.application = kApplication;
    claims.user = device.user;
    claims.issued_at = server_->clock().now();
    claims.expires_at =
        claims.issued_at + std::chrono::duration_cast<std::chrono::milliseconds>(life);
    claims.nonce = std::to_string(random_.next());
    auto token = protocol::sign_token(claims, kSecret);
    return token ? std::move(*token) : std::string();
}

void World::said(const std::string& host, End end, const char* frame) {
    if (!trap_ || trap_->end != end || trap_->frame != frame) {
        return;
    }
    const Trap trap = *std::exchange(trap_, std::nullopt);
    if (end == End::server) {
        crash_server(trap.how, trap.down);
    } else if (SimDevice* device = device_on(host)) {
        crash_device(*device, trap.how, trap.down);
    }
}

void World::crash_device(SimDevice& device, PowerLoss how, Duration down) {
    device.crash(how);
    scheduler_.after(down, [&device] { device.boot(); });
}

void World::crash_server(PowerLoss how, Duration down) {
    server_->crash(how);
    scheduler_.after(down, [this] { server_->boot(); });
}

void World::heal() {
    healed_ = true;
    trap_.reset();
    trace_.note("world.heal", "world");
    network_.heal();
    SimDisk& disk = server_->disk();
    disk.full = false;
    disk.fail_next_commit = false;
    disk.flush_most = scenario_.flush_most;
    server_->clock().correct();
    server_->boot();
    for (const auto& device : devices_) {
        device->disk().set_capacity(SIZE_MAX);
        device->disk().stop_failing();
        device->clock().correct();
        device->habits().crash_in_callback = 0;
        device->habits().token_refused = 0;
        sessions_at_healing_[device->tag().index] = device->connected() ? 0 : device->sessions();
        device->boot();
    }
}

bool World::takes_part(const DeviceTag& device) const {
    if (!device.messaging) {
        return false;
    }
    const SimDevice& there = *devices_[device.index];
    const auto before = sessions_at_healing_.find(device.index);
    return before == sessions_at_healing_.end() || there.sessions() > before->second;
}

}  // namespace parley::sim
