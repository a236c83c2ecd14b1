#include "adapters/rocksdb/rocks_table.h"
#include "adapters/rocksdb/testing/hand_loop.h"
#include "adapters/rocksdb/testing/temporary_folder.h"
#include "mailbox/log_store.h"
#include "mailbox/testing/store_conformance.h"
#include "mailbox/testing/table_conformance.h"

namespace parley::rocksdb {
namespace {

using mailbox::StoreConformance;
using mailbox::TableConformance;

std::unique_ptr<RocksTable> open_table(const std::string& folder, io::Loop& loop) {
    auto opened = RocksTable::open(folder, loop);
    EXPECT_TRUE(opened.has_value()) << opened.error().description;
    return std::move(opened).value();
}

class RocksTableWorld final : public mailbox::TableWorld {
  public:
    mailbox::Table& table() override { return *table_; }
    bool run_until(const std::function<bool()>& done) override {
        return loop_.run_while([&] { return !done(); });
    }
    void reopen() override {
        table_.reset();
        table_ = open_table(folder_.path(), loop_);
    }

  private:
    TemporaryFolder folder_;
    HandLoop loop_;
    std::unique_ptr<RocksTable> table_ = open_table(folder_.path(), loop_);
};

class RocksStoreWorld final : public mailbox::StoreWorld {
  public:
    explicit RocksStoreWorld(const mailbox::StoreSettings& settings) : settings_(settings) {
        start();
    }
    ~RocksStoreWorld() override { stop(); }

    mailbox::Store& door() override { return *doors_[0]; }
    mailbox::Store& other_door() override { return *doors_[1]; }
    io::Loop& loop() override { return loop_; }
    bool run_until(const std::function<bool()>& done) override {
        // A mark waits some milliseconds of the loop's time.
        for (int i = 0; i < 10'000 && !done(); ++i) {
            loop_.run_while([&] { return !done(); }, std::chrono::milliseconds(5));
            loop_.advance(std::chrono::milliseconds(1));
        }
        return done();
    }
    void advance(Duration span) override {
        // In steps, so that what is due by time happens on the way.
        for (int i = 0; i < 8; ++i) {
            loop_.advance(span / 8);
            loop_.run_while([] { return true; }, std::chrono::milliseconds(2));
        }
    }
    void restart() override {
        bool drained = false;
        store_->drain([&] { drained = true; });
        EXPECT_TRUE(loop_.run_while([&] { return !drained; }));
        stop();
        start();
    }

  private:
    void start() {
        table_ = open_table(folder_.path(), loop_);
        mailbox::LogStoreOptions options;
        options.retention = settings_.retention;
        options.retry_window = settings_.retry_window;
        options.quota_pending_bytes = settings_.quota_pending_bytes;
        options.quota_retained_bytes = settings_.quota_retained_bytes;
        options.devices = settings_.devices;
        options.hold_for_unknown = settings_.hold_for_unknown;
        options.on_fatal = [](const Error& error) { ADD_FAILURE() << error.description; };
        auto opened =
            mailbox::LogStore::open(*table_, loop_, clock_, std::move(options), Logger(null_log()));
        ASSERT_TRUE(opened.has_value()) << opened.error().description;
        store_ = std::move(*opened);
        doors_[0] = store_->door(loop_);
        doors_[1] = store_->door(loop_);
    }
    void stop() {
        doors_[0].reset();
        doors_[1].reset();
        store_.reset();
        table_.reset();
    }

    mailbox::StoreSettings settings_;
    TemporaryFolder folder_;
    HandLoop loop_;
    HandClock clock_{loop_};
    std::unique_ptr<RocksTable> table_;
    std::unique_ptr<mailbox::LogStore> store_;
    std::unique_ptr<mailbox::Store> doors_[2];
};

std::unique_ptr<mailbox::TableWorld> table_world() {
    return std::make_unique<RocksTableWorld>();
}
std::unique_ptr<mailbox::StoreWorld> store_world(const mailbox::StoreSettings& settings) {
    return std::make_unique<RocksStoreWorld>(settings);
}

}  // namespace
}  // namespace parley::rocksdb

namespace parley::mailbox {

INSTANTIATE_TEST_SUITE_P(RocksDB, TableConformance, testing::Values(rocksdb::table_world));
INSTANTIATE_TEST_SUITE_P(LogStoreOnRocksDB, StoreConformance,
                         testing::Values(rocksdb::store_world));

}  // namespace parley::mailbox
