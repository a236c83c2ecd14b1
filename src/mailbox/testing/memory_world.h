#pragma once

#include "io/testing/manual_loop.h"
#include "mailbox/log_store.h"
#include "mailbox/memory_table.h"
#include "mailbox/testing/store_world.h"

namespace parley::mailbox {

// A LogStore over a MemoryTable, with everything in the hand of the test: three loops (the writer's
// and two doors'), the wall clock, the disk, and the moment of a crash.
class MemoryWorld final : public StoreWorld {
  public:
    explicit MemoryWorld(const StoreSettings& settings = {},
                         MemoryTable::Options table_options = {})
        : settings_(settings), table_options_(table_options) {
        start();
    }
    ~MemoryWorld() override { stop(); }

    Store& door() override { return *doors_[0]; }
    Store& other_door() override { return *doors_[1]; }
    io::Loop& loop() override { return door_loops_[0]; }
    bool run_until(const std::function<bool()>& done) override {
        for (int i = 0; i < 100'000 && !done(); ++i) {
            bool ran = false;
            for (io::ManualLoop* one : {&store_loop_, &door_loops_[0], &door_loops_[1]}) {
                ran = one->run_turn() || ran;
            }
            if (!ran) {
                step(std::chrono::milliseconds(1));
            }
        }
        return done();
    }
    void advance(Duration span) override { step(span); }
    void restart() override {
        bool drained = false;
        store_->drain([&] { drained = true; });
        EXPECT_TRUE(run_until([&] { return drained; }));
        crash();
    }

    // The process ends now; what was not durable is lost, unless a commit under way is said to have
    // made it.
    void crash(bool keep_commit_under_way = false) {
        if (keep_commit_under_way) {
            table_->keep_commit_under_way();
        }
        stop();
        start();
    }
    // The disk is put back to a copy of before, without its epoch.
    void restore(MemoryDisk copy) {
        stop();
        disk_ = std::move(copy);
        start();
    }

    MemoryTable& table() { return *table_; }
    MemoryDisk& disk() { return disk_; }
    LogStore& store() { return *store_; }
    io::ManualLoop& store_loop() { return store_loop_; }
    io::ManualWallClock& clock() { return clock_; }
    StoreSettings& settings() { return settings_; }
    const std::optional<Error>& fatal() const { return fatal_; }
    // How often a line of this name was written.
    std::size_t logged(std::string_view event) const { return log_.count(event); }

  private:
    class CountingLog final : public LogSink {
      public:
        void write(LogLevel, std::string_view event, const std::vector<LogField>&) override {
            ++counts_[std::string(event)];
        }
        bool enabled(LogLevel) const override { return true; }
        std::size_t count(std::string_view event) const {
            const auto found = counts_.find(event);
            return found == counts_.end() ? 0 : found->second;
        }

      private:
        std::map<std::string, std::size_t, std::less<>> counts_;
    };

    void step(Duration span) {
        io::advance_together({&store_loop_, &door_loops_[0], &door_loops_[1]}, span);
    }
    void start() {
        table_ = std::make_unique<MemoryTable>(disk_, store_loop_, table_options_);
        LogStoreOptions options;
        options.retention = settings_.retention;
        options.retry_window = settings_.retry_window;
        options.quota_pending_bytes = settings_.quota_pending_bytes;
        options.quota_retained_bytes = settings_.quota_retained_bytes;
        options.devices = settings_.devices;
        options.hold_for_unknown = settings_.hold_for_unknown;
        options.on_fatal = [this](const Error& error) { fatal_ = error; };
        auto opened =
            LogStore::open(*table_, store_loop_, clock_, std::move(options), Logger(log_));
        ASSERT_TRUE(opened.has_value()) << opened.error().description;
        store_ = std::move(*opened);
        doors_[0] = store_->door(door_loops_[0]);
        doors_[1] = store_->door(door_loops_[1]);
    }
    void stop() {
        doors_[0].reset();
        doors_[1].reset();
        store_.reset();
        table_.reset();
    }

    StoreSettings settings_;
    MemoryTable::Options table_options_;
    io::ManualLoop store_loop_;
    io::ManualLoop door_loops_[2];
    io::ManualWallClock clock_{store_loop_};
    MemoryDisk disk_;
    CountingLog log_;
    std::optional<Error> fatal_;
    std::unique_ptr<MemoryTable> table_;
    std::unique_ptr<LogStore> store_;
    std::unique_ptr<Store> doors_[2];
};

}  // namespace parley::mailbox
