#pragma once

#include <rocksdb/listener.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace parley::rocksdb {

// What the engine's own work in the background meets. A compaction that meets a damaged file ends
// and leaves everything as it was: that is told, and no reason to take no more writes, which is
// what the engine would do. Any thread.
class Trouble final : public ::rocksdb::EventListener {
  public:
    void OnBackgroundError(::rocksdb::BackgroundErrorReason reason,
                           ::rocksdb::Status* error) override;
    void OnCompactionCompleted(::rocksdb::DB* database,
                               const ::rocksdb::CompactionJobInfo& info) override;
    void OnErrorRecoveryEnd(const ::rocksdb::BackgroundErrorRecoveryInfo& info) override;

    // The damaged file, in the engine's words.
    std::optional<std::string> damage() const;
    // The column families that are to be compacted no more: their compactions would meet the same
    // file again and again. Each once.
    std::set<std::string> take_stopped();
    // The engine takes no writes until it has recovered from a lack of room.
    bool waits_for_room() const { return waits_for_room_.load(); }
    void has_room() { waits_for_room_ = false; }

  private:
    mutable std::mutex mutex_;  // guards the next two
    std::optional<std::string> damage_;
    std::set<std::string> stopped_;
    std::atomic<bool> has_stopped_ = false;
    std::atomic<bool> waits_for_room_ = false;
};

}  // namespace parley::rocksdb
