#include "server/pulse.h"

#include <algorithm>

namespace parley::server {

Pulse::Pulse(io::Loop& loop) : loop_(loop) {
    beat_.set(loop.now().time_since_epoch().count());
    arm();
}

Duration Pulse::age(Instant now) const {
    return std::max(now.time_since_epoch() - Duration(beat_.value()), Duration{});
}

void Pulse::arm() {
    const Instant due = loop_.now() + kEvery;
    timer_ = loop_.call_at(due, [this, due] {
        const Instant now = loop_.now();
        lag_.observe(now - due);
        beat_.set(now.time_since_epoch().count());
        arm();
    });
}

}  // namespace parley::server
