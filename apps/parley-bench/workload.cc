#include "workload.h"

#include "protocol/token.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace parley::bench {

namespace {
constexpr std::size_t kConnectingAtOnce = 256;
}

Workload::Workload(Settings settings, io::Loop& loop, io::Dialer& dialer,
                   const io::WallClock& clock, std::uint64_t seed)
    : settings_(std::move(settings)),
      duration_(
          std::chrono::duration_cast<Duration>(std::chrono::duration<double>(settings_.seconds))),
      loop_(loop),
      dialer_(dialer),
      clock_(clock),
      ids_(seed) {
    target_.url = settings_.url;
    target_.subprotocol = wire::kProtoSubprotocol;
    target_.ca_file = settings_.ca_file;
}

UserId Workload::user(const std::string& role, std::size_t index) const {
    return UserId(settings_.run + "-" + role + "-" + std::to_string(index));
}

Device& Workload::add_device(UserId user, const std::string& device, Device::Hooks hooks) {
    if (!hooks.on_end) {
        hooks.on_end = [this, name = user.value()](const std::string& why) {
            fail(name + ": " + why);
        };
    }
    devices_.push_back(std::make_unique<Device>(loop_, dialer_, target_, std::move(user),
                                                DeviceId(device), std::move(hooks)));
    return *devices_.back();
}

std::string Workload::token_of(const UserId& user) const {
    protocol::TokenClaims claims;
    claims.application = settings_.application;
    claims.user = user;
    claims.issued_at = clock_.now();
    claims.expires_at = clock_.now() + std::chrono::hours(6);
    claims.nonce = user.value();
    return protocol::sign_token(claims, settings_.secret, settings_.issuer_prefix).value_or("");
}

wire::Submit Workload::message_to(const std::vector<UserId>& recipients) {
    wire::Submit submit;
    submit.message.message_id = MessageId(ids_.make(to_ms(clock_.now())));
    submit.message.recipient_ids = recipients;
    submit.message.text = std::string(settings_.text_bytes, 'x');
    submit.message.created_at_ms = to_ms(clock_.now());
    return submit;
}

void Workload::connect_all(std::size_t first, std::size_t count, bool skip_history,
                           std::function<void()> then) {
    next_ = first;
    last_ = first + count;
    pending_ = 0;
    skip_history_ = skip_history;
    then_ = std::move(then);
    connect_more();
}

void Workload::connect_more() {
    while (next_ < last_ && pending_ < kConnectingAtOnce) {
        Device& device = *devices_[next_++];
        ++pending_;
        device.connect(token_of(device.user()), skip_history_);
    }
}

void Workload::connected_one() {
    if (pending_ == 0) {
        return;
    }
    --pending_;
    connect_more();
    if (pending_ == 0 && next_ == last_ && then_) {
        std::exchange(then_, nullptr)();
    }
}

void Workload::begin_measuring() {
    began_ = Clock::now();
    server_before_ = ProcessUse::of(settings_.server_pid);
    self_before_ = ProcessUse::of(getpid());
}

double Workload::seconds_measured() const {
    return std::max(1e-9, std::chrono::duration<double>(Clock::now() - began_).count());
}

void Workload::add_server_figures(double messages) {
    const double seconds = seconds_measured();
    const double own = static_cast<double>(ProcessUse::of(getpid()).cpu - self_before_.cpu) / 1e9;
    report_.add("generator CPU share", own / seconds, "of one core");
    if (settings_.server_pid <= 0) {
        return;
    }
    const ProcessUse now = ProcessUse::of(settings_.server_pid);
    const double cpu = static_cast<double>(now.cpu - server_before_.cpu) / 1e9;
    report_.add("server CPU share", cpu / seconds, "of one core");
    if (messages > 0) {
        report_.add("server CPU per 1,000 messages", cpu * 1e6 / messages, "ms");
    }
    report_.add("server resident memory", now.resident_kib, "KiB");
}

void Workload::finish() {
    done_ = true;
    for (auto& device : devices_) {
        device->drop();
    }
}

void Workload::fail(std::string why) {
    if (done_) {
        return;
    }
    failure_ = std::move(why);
    finish();
}

}  // namespace parley::bench
