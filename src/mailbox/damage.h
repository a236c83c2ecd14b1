#pragma once

#include "base/log.h"
#include "base/task.h"
#include "base/time.h"
#include "parley/result.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace parley::mailbox {

// What of the store cannot be read. Each thing stands in the log once, however often it is met; it
// is known until it was read again. Any thread.
class Damage {
  public:
    // Reads once more what failed. On the store's loop; lives no longer than this.
    using Again = UniqueFunction<Result<void>()>;

    explicit Damage(const Logger& log) : log_(log) {}
    Damage(const Damage&) = delete;
    Damage& operator=(const Damage&) = delete;

    // `mailbox` names the mailbox that was read (name_of() in records.h); empty: none.
    void note(std::string_view mailbox, const Error& error, Again again);
    // Tries the things in turn up to the first that still cannot be read, so that a disk that takes
    // its time over each stops the loop for one of them. On the store's loop, now and then.
    void look_again();
    // The first thing that is known and not yet readable, in the engine's words.
    std::optional<std::string> first() const;
    std::uint64_t failed_reads() const { return failed_reads_.load(std::memory_order_relaxed); }

  private:
    Logger log_;
    std::atomic<std::uint64_t> failed_reads_ = 0;
    using Key = std::pair<std::string, std::string>;  // mailbox and error
    mutable std::mutex mutex_;  // guards things_; nothing is called while it is held
    std::map<Key, Again> things_;
    Key tried_;  // last, by look_again() alone
};

// Commits that the engine refuses, for lack of room for one: told in the log when it begins and
// when it ends, not each time. Written on the store's loop, read by any thread.
class Refusals {
  public:
    explicit Refusals(const Logger& log) : log_(log) {}
    Refusals(const Refusals&) = delete;
    Refusals& operator=(const Refusals&) = delete;

    void refused(const Error& error, Instant now);
    void taken(Instant now);
    // Why commits are refused now; none: the last one was taken.
    std::optional<Error> now() const;
    std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

  private:
    Logger log_;
    std::atomic<std::uint64_t> count_ = 0;
    std::atomic<bool> refusing_ = false;
    mutable std::mutex mutex_;  // guards error_; nothing is called while it is held
    std::optional<Error> error_;
    Instant began_{};           // of the writer alone, as is the next
    std::uint64_t before_ = 0;  // refused before it began
};

}  // namespace parley::mailbox
