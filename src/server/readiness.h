#pragma once

#include "base/task.h"
#include "io/loop.h"
#include "mailbox/store.h"

#include <optional>
#include <string>
#include <vector>

namespace parley::server {

// Whether the store can be read and takes writes now, found out by trying, for all who ask on one
// loop: one try at a time, for strangers at most one a second however many ask, and an answer in
// bounded time, also where the disk gives none.
class Readiness {
  public:
    // A write that takes longer than this is no slow disk, it is a stuck one.
    static constexpr Duration kPatience = std::chrono::seconds(5);
    // What was found out serves strangers so long; operators are told what is so now.
    static constexpr Duration kFresh = std::chrono::seconds(1);

    // Why not; nothing: it is ready.
    struct Reason {
        std::string status;  // "store away"
        std::string why;
        bool is_public = false;  // `why` names no files
    };
    using Done = UniqueFunction<void(std::optional<Reason>)>;
    enum class Asker { stranger, operator_ };

    // Both outlive this.
    Readiness(io::Loop& loop, mailbox::Store& store) : loop_(loop), store_(store) {}

    // `done` at once or later, on this loop; not at all if this is destroyed first.
    void check(Asker asker, Done done);

  private:
    void try_store();
    void on_head(const Result<mailbox::Head>& head);
    void on_written(const Result<void>& written);
    void found(std::optional<Reason> reason);
    void answer(const std::optional<Reason>& reason);

    io::Loop& loop_;
    mailbox::Store& store_;
    std::vector<Done> waiting_;      // bounded by the connections that ask
    std::optional<Instant> trying_;  // since
    std::optional<Instant> found_at_;
    std::optional<Reason> found_;
    io::Timer patience_;
};

}  // namespace parley::server
