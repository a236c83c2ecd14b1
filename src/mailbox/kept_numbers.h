#pragma once

#include "mailbox/table.h"

#include <mutex>

namespace parley::mailbox {

// What an engine said of its room when it was asked last, for whoever may not wait for it. Any
// thread.
class KeptNumbers {
  public:
    void keep(const TableNumbers& numbers) {
        const std::lock_guard lock(mutex_);
        numbers_ = numbers;
    }
    TableNumbers get() const {
        const std::lock_guard lock(mutex_);
        return numbers_;
    }

  private:
    mutable std::mutex mutex_;  // guards numbers_; nothing is called while it is held
    TableNumbers numbers_;
};

}  // namespace parley::mailbox
