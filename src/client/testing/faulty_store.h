#pragma once

#include "client/local_store.h"

#include <cstdint>
#include <functional>
#include <utility>

namespace parley::client {

// A store whose n-th call fails, or before or after whose n-th call something happens (a crash, in
// a test).
class FaultyStore final : public LocalStore {
  public:
    explicit FaultyStore(LocalStore& store) : store_(store) {}

    // The n-th call from now on (1: the next) fails with this error; 0: none.
    void fail_at(std::uint64_t nth, Error error) {
        fail_at_ = nth == 0 ? 0 : calls_ + nth;
        error_ = std::move(error);
    }
    std::uint64_t calls() const { return calls_; }
    std::uint64_t commits() const { return commits_; }
    // Runs before a commit reaches the store; says whether it does.
    void before_commit(std::function<bool(const Turn&)> hook) { hook_ = std::move(hook); }

    Result<StoreFacts> bind(const Binding& binding) override {
        return fails() ? unexpected(error_) : store_.bind(binding);
    }
    Result<TurnOutcome> commit(const Turn& turn) override {
        ++commits_;
        if (fails() || (hook_ && !hook_(turn))) {
            return unexpected(error_);
        }
        return store_.commit(turn);
    }
    Result<void> welcomed(const Limits& limits, const StoreClock& clock,
                          bool keep_cursor) override {
        return fails() ? unexpected(error_) : store_.welcomed(limits, clock, keep_cursor);
    }
    Result<bool> cancel(const MessageId& message, const StoreClock& clock) override {
        return fails() ? unexpected(error_) : store_.cancel(message, clock);
    }
    Result<bool> prune(const PruneLimit& limit) override {
        return fails() ? unexpected(error_) : store_.prune(limit);
    }
    Result<void> erase() override { return fails() ? unexpected(error_) : store_.erase(); }
    Result<std::vector<Entry>> entries(Order after, std::size_t count, std::size_t bytes) override {
        return fails() ? unexpected(error_) : store_.entries(after, count, bytes);
    }
    Result<std::vector<MessageId>> expired(const ExpiryLimit& limit, std::size_t count) override {
        return fails() ? unexpected(error_) : store_.expired(limit, count);
    }
    Result<std::optional<std::int64_t>> oldest_entry() override {
        return fails() ? unexpected(error_) : store_.oldest_entry();
    }
    Result<std::vector<Callback>> callbacks(CallbackId after, std::size_t count,
                                            std::size_t bytes) override {
        return fails() ? unexpected(error_) : store_.callbacks(after, count, bytes);
    }
    Result<std::optional<CopyFacts>> copy_facts(const MessageId& message) override {
        return fails() ? unexpected(error_) : store_.copy_facts(message);
    }
    std::uint64_t unread_bytes() const override { return store_.unread_bytes(); }

  private:
    bool fails() { return ++calls_ == fail_at_; }

    LocalStore& store_;
    std::function<bool(const Turn&)> hook_;
    std::uint64_t calls_ = 0;
    std::uint64_t commits_ = 0;
    std::uint64_t fail_at_ = 0;
    Error error_ = make_error(ErrorCode::store_full, "no room (a test)");
};

}  // namespace parley::client
