#pragma once

#include "mailbox/mailbox_cache.h"
#include "mailbox/work.h"

#include <array>
#include <cstddef>
#include <map>
#include <memory_resource>
#include <set>
#include <span>
#include <unordered_map>

namespace parley::mailbox {

// A stretch of a request that goes into a batch; [begin, end) of the appends of an AppendWork.
struct Step {
    Work* work = nullptr;
    std::size_t begin = 0;
    std::size_t end = 0;
};

// A device connected: written with the next commit that happens anyway, so that a known device
// connects without one.
class Sightings {
  public:
    void saw(Bytes device_key, WallTime at);
    // The later of `stored` and what waits here.
    WallTime latest(const Bytes& device_key, WallTime stored) const;
    void forget(const KeyRange& devices);
    void forget(const Bytes& device_key) { waiting_.erase(device_key); }
    // Moves some of them into the commit.
    void write(Commit& commit);
    bool empty() const { return waiting_.empty(); }

  private:
    std::map<Bytes, WallTime> waiting_;
};

// The moment at which a batch is made.
struct Moment {
    WallTime now{};             // the store's time
    std::uint64_t wall_us = 0;  // for sequences; 0: the wall clock says nonsense
    WallTime expired{};         // StoreShared::expired_ms
};

// Turns requests into one Commit, in their order, and fills in their answers as they will be if it
// succeeds. One use. Reads see all that was committed; what this batch itself has placed is kept
// beside.
class Batch {
  public:
    Batch(StoreShared& shared, const LogStoreOptions& options, MailboxCache& cache,
          Sightings& sightings, Moment moment)
        : shared_(shared),
          options_(options),
          cache_(cache),
          sightings_(sightings),
          moment_(moment) {}

    // What cannot be read is noted as damage: its appends are answered busy, the rest goes on.
    void add(std::span<const Step> steps);
    void mark(std::span<Work* const> marks);
    // Writes the records of the users touched; call last. Then `commit` is complete.
    void close();

    Commit commit;
    // Of what the commit makes durable.
    std::vector<Wake> wakes;

    // Nothing of the batch was applied: what depended on it becomes busy, or the request gets the
    // error.
    void spoil();
    // Of a request that is no append: it is done only if the commit succeeds.
    bool depends_on_commit(const Work& work) const { return writing_.contains(&work); }
    // Of a request that is no append: why it could not be done, or nothing.
    std::optional<Error> failure(const Work& work) const;

  private:
    struct Known {
        std::uint64_t sequence = 0;
        WallTime at{};
    };
    struct PlacedKey {
        MailboxKey mailbox;
        AppendKey key;
        friend bool operator==(const PlacedKey&, const PlacedKey&) = default;
    };
    struct KeyHash {
        // Both are cut from SHA-256: any eight bytes of them are a hash.
        std::size_t operator()(const PlacedKey& placed) const noexcept;
    };
    // Appends that are looked up together, and then placed in order.
    struct Candidate {
        AppendWork* work;
        Append* append;
        Appended* answer;
        MailboxState* state = nullptr;  // null: not readable
        Bytes key = {};
        std::optional<Bytes> known = {};
        bool unreadable = false;  // what its key answers
    };

    void expect(std::size_t appends);
    void look_up_keys(std::span<Candidate> candidates);
    void place(Candidate& candidate);
    void store(MailboxState& state, Candidate& candidate);
    void finish_submissions();
    void apply(Work& work);
    // The final refusal that the append gets, or `stored`.
    Result<Outcome> judge(MailboxState& state, const Append& append);
    Result<bool> over_quota(MailboxState& state, std::uint64_t size);
    Result<void> look_up_floor(MailboxState& state);
    std::uint64_t next_sequence(MailboxState& state);
    EventRecord make_event(const MailboxState& state, const Append& append);
    void touch(MailboxState& state);

    Result<void> enroll(Work& work, EnrollWork& enroll, const MailboxCache::User& known);
    Result<bool> make_room(EnrollWork& enroll, const MailboxKey& mailbox);
    void disable(Work& work, const DisableWork& disable, MailboxState& state);
    Result<void> forget(Work& work, ForgetWork& forget, const MailboxState& state);
    void erase(Work& work, EraseWork& erase, MailboxState& state);
    void remove(Space space, KeyRange range);

    StoreShared& shared_;
    const LogStoreOptions& options_;
    MailboxCache& cache_;
    Sightings& sightings_;
    const Moment moment_;
    // For the many small nodes of a table that goes with the batch.
    std::array<std::byte, 1024> some_memory_;
    std::pmr::monotonic_buffer_resource memory_{some_memory_.data(), some_memory_.size()};
    std::pmr::unordered_map<PlacedKey, Known, KeyHash> placed_{&memory_};
    std::map<std::pair<std::uint32_t, const Bytes*>, BodyReference> bodies_;
    std::vector<SharedBytes> kept_bodies_;  // pointers in bodies_ stay theirs
    std::vector<MailboxState*> touched_;
    std::vector<Appended*> dependent_;
    std::vector<AppendWork*> submissions_;
    std::set<const Work*> writing_;
    std::map<const Work*, Error> failed_;
};

}  // namespace parley::mailbox
