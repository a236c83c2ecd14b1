#include "server/watches.h"

#include <utility>

namespace parley::server {

Watches::Watches(io::Loop& loop, mailbox::Wakes& wakes, Find find, Logger log)
    : find_(std::move(find)),
      log_(log),
      watches_(wakes.watch(
          loop, [this](const mailbox::Wake& wake, std::span<const std::uint64_t> numbers) {
              on_wake(wake, numbers);
          })) {}

void Watches::on_wake(const mailbox::Wake& wake, std::span<const std::uint64_t> numbers) {
    auto rendered = wire::RenderedEvent::make(wake.event.sequence, wake.event.at, wake.event.bytes,
                                              wake.event.body, wire::BytesFrom::this_process);
    if (!rendered) {
        log_.error("event.unreadable", {{"sequence", wake.event.sequence.value()},
                                        {"why", rendered.error().description}});
    }
    const auto event = rendered ? *rendered : nullptr;
    for (const std::uint64_t number : numbers) {
        if (Watcher* watcher = find_(number)) {
            watcher->woken(wake, event);
        }
    }
}

}  // namespace parley::server
