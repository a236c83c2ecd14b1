#include "adapters/rocksdb/hashed_memtable.h"
#include "adapters/rocksdb/partitioned_memtable.h"
#include "adapters/rocksdb/testing/rocks_world.h"
#include "base/random.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <atomic>
#include <map>
#include <thread>

namespace parley::rocksdb {
namespace {

using Make = std::shared_ptr<::rocksdb::MemTableRepFactory> (*)();
template <typename Factory>
std::shared_ptr<::rocksdb::MemTableRepFactory> make() {
    return std::make_shared<Factory>();
}

// One database with our tables in memory, and a map that says what it must show.
class MemtablesTest : public RocksWorld, public ::testing::WithParamInterface<Make> {
  protected:
    void SetUp() override {
        ::rocksdb::Options options;
        options.create_if_missing = true;
        options.allow_concurrent_memtable_write = false;
        options.memtable_whole_key_filtering = true;
        options.memtable_prefix_bloom_size_ratio = 0.1;
        options.memtable_factory = GetParam()();
        ::rocksdb::DB* database = nullptr;
        const auto opened = ::rocksdb::DB::Open(options, root_.path() + "/db", &database);
        ASSERT_TRUE(opened.ok()) << opened.ToString();
        database_.reset(database);
    }
    // Many keys of few lists, their borders, and keys that are shorter than what picks a list.
    std::string some_key() {
        static constexpr std::array<unsigned char, 6> kFirst{0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
        static constexpr std::array<unsigned char, 8> kSecond{0x00, 0x3f, 0x40, 0x41,
                                                              0x7f, 0x80, 0xc0, 0xff};
        std::string key;
        key.push_back(static_cast<char>(kFirst[random_.below(kFirst.size())]));
        key.push_back(static_cast<char>(kSecond[random_.below(kSecond.size())]));
        key += std::to_string(random_.below(30));
        key.resize(random_.below(5) == 0 ? 1 + random_.below(3) : key.size());
        return key;
    }
    void change() {
        const std::string key = some_key();
        if (random_.below(5) == 0) {
            ASSERT_TRUE(database_->Delete({}, key).ok());
            expected_.erase(key);
        } else {
            const std::string value(random_.below(50) == 0 ? 70'000 : random_.below(40), 'v');
            ASSERT_TRUE(database_->Put({}, key, value).ok());
            expected_[key] = value;
        }
    }
    void look() {
        const std::string key = some_key();
        std::string value;
        const auto status = database_->Get({}, key, &value);
        const auto known = expected_.find(key);
        ASSERT_EQ(status.ok(), known != expected_.end());
        ASSERT_TRUE(!status.ok() || value == known->second);
    }
    void scan() {
        const std::string from = some_key();
        const std::string to = some_key();
        const ::rocksdb::Slice upper(to);
        ::rocksdb::ReadOptions read;
        if (random_.below(2) == 0) {
            read.iterate_upper_bound = &upper;
        }
        const std::unique_ptr<::rocksdb::Iterator> at(database_->NewIterator(read));
        const auto last =
            read.iterate_upper_bound != nullptr ? expected_.lower_bound(to) : expected_.end();
        auto expected = expected_.lower_bound(from);
        if (read.iterate_upper_bound != nullptr && to < from) {
            expected = last;
        }
        at->Seek(from);
        for (; expected != last; ++expected, at->Next()) {
            ASSERT_TRUE(at->Valid());
            ASSERT_EQ(at->key().ToString(), expected->first);
            ASSERT_TRUE(at->value() == expected->second);
        }
        ASSERT_FALSE(at->Valid());
        at->SeekToLast();
        for (auto back = last; back != expected_.begin(); at->Prev()) {
            --back;
            ASSERT_TRUE(at->Valid());
            ASSERT_EQ(at->key().ToString(), back->first);
        }
        ASSERT_FALSE(at->Valid());
        at->SeekForPrev(from);
        const auto after = expected_.upper_bound(from);
        if (read.iterate_upper_bound == nullptr) {
            ASSERT_EQ(at->Valid(), after != expected_.begin());
            ASSERT_TRUE(!at->Valid() || at->key() == std::prev(after)->first);
        }
    }

    std::unique_ptr<::rocksdb::DB> database_;
    std::map<std::string, std::string> expected_;
    Random random_{1};
};

TEST_P(MemtablesTest, ShowsWhatAMapWouldInBothDirections) {
    for (int i = 0; i < 4000 && !HasFatalFailure(); ++i) {
        change();
        look();
        if (i % 40 == 0) {
            scan();
        }
        if (i % 1500 == 1499) {
            ASSERT_TRUE(database_->Flush({}).ok());
        }
    }
    database_.reset();
    SetUp();  // from the log
    scan();
}

TEST_P(MemtablesTest, KeepsWhatASnapshotShows) {
    ASSERT_TRUE(database_->Put({}, "key", "old").ok());
    const ::rocksdb::Snapshot* const before = database_->GetSnapshot();
    ASSERT_TRUE(database_->Put({}, "key", "new").ok());
    ::rocksdb::ReadOptions read;
    std::string value;
    ASSERT_TRUE(database_->Get(read, "key", &value).ok());
    EXPECT_EQ(value, "new");
    read.snapshot = before;
    ASSERT_TRUE(database_->Get(read, "key", &value).ok());
    EXPECT_EQ(value, "old");
    database_->ReleaseSnapshot(before);
}

// Whoever reads while another writes sees all that was written before it began (R1).
TEST_P(MemtablesTest, ShowsReadersWhatWasWrittenBefore) {
    constexpr int kKeys = 3000;
    const auto key = [](int i) {
        return std::string{static_cast<char>(i * 37), static_cast<char>(i * 101)} +
               std::to_string(i);
    };
    std::atomic<int> written = 0;
    std::atomic<bool> wrong = false;
    std::thread reader([&] {
        while (written < kKeys) {
            const int known = written;
            std::string value;
            if (known > 0 && !database_->Get({}, key(known - 1), &value).ok()) {
                wrong = true;
            }
            int count = 0;
            const std::unique_ptr<::rocksdb::Iterator> at(database_->NewIterator({}));
            for (at->SeekToFirst(); at->Valid(); at->Next()) {
                ++count;
            }
            wrong = wrong || count < known;
        }
    });
    for (int i = 0; i < kKeys; ++i) {
        ASSERT_TRUE(database_->Put({}, key(i), "value").ok());
        ++written;
    }
    reader.join();
    EXPECT_FALSE(wrong);
}

// As a store that is verified: many short readings, nothing written between them.
TEST_P(MemtablesTest, ShowsWhatWasWrittenAfterAReading) {
    for (int i = 0; i < 3; ++i) {
        change();
        scan();
        scan();
    }
}

INSTANTIATE_TEST_SUITE_P(Tables, MemtablesTest,
                         ::testing::Values(&make<PartitionedMemtableFactory>,
                                           &make<HashedMemtableFactory>),
                         [](const auto& table) -> std::string {
                             return table.index == 0 ? "Partitioned" : "Hashed";
                         });

}  // namespace
}  // namespace parley::rocksdb
