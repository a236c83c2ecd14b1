#include "adapters/rocksdb/trouble.h"

#include <utility>

namespace parley::rocksdb {

void Trouble::OnBackgroundError(::rocksdb::BackgroundErrorReason reason, ::rocksdb::Status* error) {
    if (error->IsNoSpace()) {
        waits_for_room_ = true;
    } else if (reason == ::rocksdb::BackgroundErrorReason::kCompaction && error->IsCorruption()) {
        *error = ::rocksdb::Status::OK();
    }
}

void Trouble::OnCompactionCompleted(::rocksdb::DB*, const ::rocksdb::CompactionJobInfo& info) {
    if (!info.status.IsCorruption()) {
        return;
    }
    const std::lock_guard lock(mutex_);
    damage_ = info.status.ToString();
    stopped_.insert(info.cf_name);
    has_stopped_ = true;
}

void Trouble::OnErrorRecoveryEnd(const ::rocksdb::BackgroundErrorRecoveryInfo& info) {
    if (info.new_bg_error.ok()) {
        waits_for_room_ = false;
    }
}

std::optional<std::string> Trouble::damage() const {
    const std::lock_guard lock(mutex_);
    return damage_;
}

std::set<std::string> Trouble::take_stopped() {
    if (!has_stopped_.load()) {
        return {};
    }
    const std::lock_guard lock(mutex_);
    has_stopped_ = false;
    return std::exchange(stopped_, {});
}

}  // namespace parley::rocksdb
