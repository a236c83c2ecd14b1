#include "server/readiness.h"

#include <utility>

namespace parley::server {
namespace {

Readiness::Reason stuck() {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Readiness::kPatience);
    return {"store stuck",
            "the disk has not answered a write for " + std::to_string(seconds.count()) + " s",
            true};
}

}  // namespace

void Readiness::check(Asker asker, Done done) {
    const Instant now = loop_.now();
    if (trying_ && now - *trying_ >= kPatience) {
        return done(stuck());  // the try is still under way, and ends when the disk answers
    }
    const bool is_known = found_at_ && now - *found_at_ < kFresh;
    if (!trying_ && is_known && asker == Asker::stranger) {
        return done(found_);
    }
    waiting_.push_back(std::move(done));
    if (!trying_) {
        try_store();
    }
}

void Readiness::try_store() {
    trying_ = loop_.now();
    patience_ = loop_.call_at(*trying_ + kPatience, [this] { answer(stuck()); });
    const MailboxId nobody{ApplicationKey("readyz"), UserId("readyz")};
    store_.head(nobody, [this](const Result<mailbox::Head>& head) { on_head(head); });
}

void Readiness::on_head(const Result<mailbox::Head>& head) {
    if (!head) {
        return found(Reason{"store away", "the store cannot be read", true});
    }
    store_.check([this](const Result<void>& written) { on_written(written); });
}

void Readiness::on_written(const Result<void>& written) {
    if (!written) {
        return found(Reason{"store away", written.error().description, false});
    }
    found(std::nullopt);
}

void Readiness::found(std::optional<Reason> reason) {
    patience_.reset();
    trying_.reset();
    found_at_ = loop_.now();
    found_ = std::move(reason);
    answer(found_);
}

void Readiness::answer(const std::optional<Reason>& reason) {
    for (Done& done : std::exchange(waiting_, {})) {
        done(reason);
    }
}

}  // namespace parley::server
