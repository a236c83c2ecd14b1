#include "sim/checkers/end_checker.h"

#include "sim/sim_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace parley::sim {
namespace {

// Clocks of devices and server, and the steps in which things are forgotten.
constexpr std::int64_t kMarginMs = 30 * 60 * 1000;
constexpr Duration kClockSlack = std::chrono::minutes(2);

std::string describe(const Truth::PairKey& pair, const Truth::Incoming& event) {
    const auto& [recipient, sender, key] = pair;
    return fmt::format("{} from {} to {} (sequence {})", event.message.value(), sender.value(),
                       recipient.value(), event.sequence.value());
}

}  // namespace

std::optional<Verdict::Broken> EndChecker::missing() const {
    for (const auto& [pair, event] : truth_.all_incoming()) {
        if (event.erased || too_old(event)) {
            continue;
        }
        if (auto found = missing_at_recipients(pair, event)) {
            return found;
        }
        if (auto found = missing_at_sender(pair, event)) {
            return found;
        }
    }
    return unanswered();
}

// Close to the end of the retention something may be there or not.
std::int64_t EndChecker::kept_ms() const {
    const std::int64_t retention =
        std::chrono::duration_cast<std::chrono::milliseconds>(world_.retention).count();
    return retention - std::min(kMarginMs, retention / 4);
}

bool EndChecker::too_old(const Truth::Incoming& event) const {
    return to_ms(world_.store_time()) - event.at_ms > kept_ms();
}

// R7, R18: on every device of the recipient.
EndChecker::Missing EndChecker::missing_at_recipients(const Truth::PairKey& pair,
                                                      const Truth::Incoming& event) const {
    const auto& [recipient, sender, key] = pair;
    bool anybody = false;
    for (const Heard& heard : journal_.heard()) {
        if (heard.device->user != recipient || !world_.takes_part(*heard.device)) {
            continue;
        }
        anybody = true;
        if (!heard.incoming.contains({sender, key})) {
            // R18: a new device gets what there was before it.
            const char* rule = event.at_ms < heard.joined_ms ? "R18" : "R7";
            return Verdict::Broken{rule, fmt::format("{} was never shown {}", heard.device->host,
                                                     describe(pair, event))};
        }
    }
    if (anybody && !truth_.delivered(recipient, sender, key)) {
        return Verdict::Broken{"R21", "there is no receipt of " + describe(pair, event)};
    }
    return std::nullopt;
}

// R2, R3: on every device of the sender.
EndChecker::Missing EndChecker::missing_at_sender(const Truth::PairKey& pair,
                                                  const Truth::Incoming& event) const {
    const auto& [recipient, sender, key] = pair;
    if (!truth_.sent(recipient, sender, key)) {
        // A server that dies between the two, and a window that ends before the sender is back:
        // then nobody completes it, and the pair was never accepted.
        const Written* message = journal_.find(event.message);
        const bool given_up =
            message != nullptr && world_.now() - message->at > world_.retry_window - kClockSlack;
        return given_up
                   ? Missing()
                   : Verdict::Broken{"R1", "there is no `sent` event of " + describe(pair, event)};
    }
    const bool delivered = truth_.delivered(recipient, sender, key);
    const Written* origin = journal_.find(event.message);
    for (const Heard& heard : journal_.heard()) {
        if (truth_.sent_is_gone(pair)) {
            break;
        }
        if (origin == nullptr || heard.device->user != sender || heard.device == origin->device ||
            !world_.takes_part(*heard.device)) {
            continue;
        }
        const auto told = heard.others.find({key, recipient});
        if (told == heard.others.end() || !told->second.sent) {
            return Verdict::Broken{"R2", fmt::format("{} was never told sent of {}",
                                                     heard.device->host, describe(pair, event))};
        }
        if (delivered && !told->second.delivered) {
            return Verdict::Broken{"R3", fmt::format("{} was never told delivered of {}",
                                                     heard.device->host, describe(pair, event))};
        }
    }
    return missing_on_origin(pair, event, delivered);
}

// R12: every id of the chain for which send() returned, and the one that was accepted.
EndChecker::Missing EndChecker::missing_on_origin(const Truth::PairKey& pair,
                                                  const Truth::Incoming& event,
                                                  bool delivered) const {
    const auto& [recipient, sender, key] = pair;
    for (const Written* message : journal_.chain(key)) {
        const bool expected =
            (message->returned || message->id == event.message) && !message->cancelled;
        const bool addressed = std::find(message->recipients.begin(), message->recipients.end(),
                                         recipient) != message->recipients.end();
        // A message is kept for the retention; one that is forgotten is told nothing more.
        const std::int64_t written_ms = kWorldStartMs + message->at.count() / 1000;
        const bool kept =
            event.at_ms - written_ms <
            std::chrono::duration_cast<std::chrono::milliseconds>(world_.retention).count() -
                kMarginMs;
        if (!expected || !addressed || !kept || !world_.takes_part(*message->device)) {
            continue;
        }
        const auto told = message->told.find(recipient);
        // Failed messages are kept for the retention, and what comes of them later is not told.
        if (told != message->told.end() && told->second.failed && !told->second.sent &&
            event.at_ms - told->second.failed_ms > kept_ms()) {
            continue;
        }
        if (told == message->told.end() || !told->second.sent) {
            return Verdict::Broken{"R12", fmt::format("{} was never told that its {} was sent: {}",
                                                      message->device->host, message->id.value(),
                                                      describe(pair, event))};
        }
        if (delivered && !told->second.delivered) {
            return Verdict::Broken{
                "R21",
                fmt::format("{} was never told that its {} was delivered: {}",
                            message->device->host, message->id.value(), describe(pair, event))};
        }
    }
    return std::nullopt;
}

// R9, R10: every message that send() took was answered for every recipient.
EndChecker::Missing EndChecker::unanswered() const {
    for (const MessageId& id : journal_.order()) {
        const Written& message = journal_.written(id);
        if (!message.returned || message.cancelled || !world_.takes_part(*message.device)) {
            continue;
        }
        for (const UserId& recipient : message.recipients) {
            const auto told = message.told.find(recipient);
            if (told == message.told.end() || (!told->second.sent && !told->second.failed)) {
                return Verdict::Broken{
                    "R9", fmt::format("{} was told nothing of its {} for {}", message.device->host,
                                      id.value(), recipient.value())};
            }
        }
    }
    return std::nullopt;
}

std::optional<Verdict::Broken> EndChecker::out_of_order() const {
    // (device that sent, recipient) -> sequence -> place in the order of send().
    std::map<std::pair<std::size_t, UserId>, std::map<Sequence, const Written*>> arrivals;
    for (const auto& [pair, event] : truth_.all_incoming()) {
        const Written* message = journal_.find(event.message);
        if (message == nullptr || event.erased) {
            continue;
        }
        // One that was told failed and accepted all the same (R12) may come late.
        const auto told = message->told.find(std::get<0>(pair));
        if (told != message->told.end() && told->second.failed) {
            continue;
        }
        arrivals[{message->device->index, std::get<0>(pair)}].emplace(event.sequence, message);
    }
    for (const auto& [who, by_sequence] : arrivals) {
        const Written* before = nullptr;
        for (const auto& [sequence, message] : by_sequence) {
            if (before != nullptr && message->order < before->order) {
                return Verdict::Broken{
                    "R6", fmt::format("{} sent {} before {}, and {} gets them the other way round",
                                      message->device->host, message->id.value(),
                                      before->id.value(), who.second.value())};
            }
            before = message;
        }
    }
    return std::nullopt;
}

}  // namespace parley::sim
