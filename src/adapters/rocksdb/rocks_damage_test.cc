// Damaged tables: met by readings, by the engine's own work, and by whoever looks for them.
#include "adapters/rocksdb/testing/rocks_world.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>
#include <vector>

namespace parley::rocksdb {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

class RocksDamageTest : public RocksWorld {
  protected:
    // One table with many blocks, one of which is damaged. The table is closed afterwards.
    std::string damaged_table() {
        open();
        for (int i = 0; i < 40; ++i) {
            put(name(i), std::string(4000, static_cast<char>('a' + i % 26)) + std::to_string(i));
        }
        EXPECT_TRUE(table_->compact().has_value());
        const std::vector<std::string> files = table_->files();
        EXPECT_EQ(files.size(), 1u);
        table_.reset();
        std::string bytes = read_file(files.at(0));
        bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 0x55);
        write_file(files.at(0), bytes);
        return files.at(0);
    }
    static std::string name(int i) { return "key" + std::to_string(100 + i); }
    std::size_t readable() {
        std::size_t count = 0;
        for (int i = 0; i < 40; ++i) {
            count += table_->get(mailbox::Space::state, name(i)) ? 1 : 0;
        }
        return count;
    }
};

TEST_F(RocksDamageTest, NamesTheFileOfABlockThatCannotBeReadAndReadsTheRest) {
    const std::string file = damaged_table();
    open();
    EXPECT_GE(readable(), 20u);
    EXPECT_LT(readable(), 40u);
    for (int i = 0; i < 40; ++i) {
        const auto found = table_->get(mailbox::Space::state, name(i));
        if (!found) {
            EXPECT_THAT(found.error().description, HasSubstr(file));
        }
    }
}

// Else every start would end with the first compaction.
TEST_F(RocksDamageTest, GoesOnWritingAfterACompactionMetADamagedFile) {
    const std::string file = damaged_table();
    open();
    put("before");
    EXPECT_FALSE(table_->trouble().has_value());
    EXPECT_FALSE(table_->compact().has_value());
    ASSERT_TRUE(table_->trouble().has_value());
    EXPECT_THAT(*table_->trouble(), HasSubstr(fs::path(file).filename().string()));
    EXPECT_THAT(*table_->trouble(), HasSubstr("restore a backup"));
    put("after");
    EXPECT_TRUE(has(*table_, "before"));
    EXPECT_TRUE(has(*table_, "after"));
    EXPECT_GE(readable(), 20u);
}

// An erase may be what discovers damage; it is told as whoever else had met it, and the rest goes
// on.
TEST_F(RocksDamageTest, GoesOnAfterReclaimingMetADamagedFile) {
    const std::string file = damaged_table();
    open({.reclaim_delay = std::chrono::milliseconds(0)});
    ASSERT_TRUE(commit({{}, {}, {{mailbox::Space::state, "key", "kez"}}}).has_value());
    table_->reclaim({{mailbox::Space::state, "key", "kez"}});
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (log_.lines().empty()) {
        ASSERT_LT(std::chrono::steady_clock::now(), latest);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_THAT(log_.lines()[0], HasSubstr("warn store.not_reclaimed why=" + folder()));
    ASSERT_TRUE(table_->trouble().has_value());
    EXPECT_THAT(*table_->trouble(), HasSubstr(fs::path(file).filename().string()));
    put("after");
    EXPECT_TRUE(has(*table_, "after"));
}

TEST_F(RocksDamageTest, FindsTheDamagedFileAmongAllAndChangesNothing) {
    const std::string file = damaged_table();
    std::vector<std::string> found;
    const auto finding = [&](const std::string& where, const std::string& what) {
        found.push_back(where + ": " + what);
    };
    const auto progress = [](const FilesChecked&) {};
    std::vector<std::pair<fs::path, std::uintmax_t>> before;
    for (const auto& entry : fs::recursive_directory_iterator(folder())) {
        before.emplace_back(entry.path(), entry.is_directory() ? 0 : entry.file_size());
    }
    auto table = RocksTable::open_to_read(folder(), Logger(null_log()));
    ASSERT_TRUE(table.has_value()) << table.error().description;
    const FilesChecked checked = check_files(folder(), (*table)->files(), finding, progress);
    EXPECT_EQ(checked.findings, 1u);
    EXPECT_GE(checked.files, 1u);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_THAT(found[0], HasSubstr(file));
    // The same without the engine, which may not be able to open at all.
    EXPECT_EQ(check_files(folder(), {}, finding, progress).findings, 1u);
    table->reset();
    for (const auto& [path, size] : before) {
        EXPECT_EQ(fs::is_directory(path) ? 0 : fs::file_size(path), size) << path;
    }
    EXPECT_EQ(std::distance(fs::recursive_directory_iterator(folder()), {}),
              static_cast<std::ptrdiff_t>(before.size()));
}

// Records, index, filter and properties, each in many parts.
TEST_F(RocksDamageTest, FindsAFlippedBitWhereverInATableItIs) {
    open();
    mailbox::Commit many;
    for (int i = 0; i < 20'000; ++i) {
        many.puts.push_back({mailbox::Space::state,
                             "key" + std::to_string(100'000 + i),
                             "value" + std::to_string(i * 7919),
                             {}});
    }
    ASSERT_TRUE(commit(std::move(many)).has_value());
    ASSERT_TRUE(table_->compact().has_value());
    const std::vector<std::string> files = table_->files();
    ASSERT_EQ(files.size(), 1u);
    table_.reset();
    const std::string whole = read_file(files[0]);
    const auto findings = [&] {
        return check_files(
                   folder(), {}, [](const auto&, const auto&) {}, [](const auto&) {})
            .findings;
    };
    ASSERT_EQ(findings(), 0u);
    constexpr std::size_t kFooter = 53;  // it has bytes that mean nothing
    constexpr std::size_t kPlaces = 60;
    for (std::size_t i = 0; i < kPlaces; ++i) {
        std::string bytes = whole;
        const std::size_t place = (bytes.size() - kFooter - 1) * i / (kPlaces - 1);
        bytes[place] = static_cast<char>(bytes[place] ^ 0x10);
        write_file(files[0], bytes);
        EXPECT_EQ(findings(), 1u) << place << " of " << bytes.size();
    }
}

TEST_F(RocksDamageTest, ReadsWhatAKilledProcessLeftWithoutChangingIt) {
    open();
    put("flushed");
    const std::string copy = killed_copy();
    const auto size = fs::file_size(log_of(copy));
    {
        const auto table = RocksTable::open_to_read(copy, Logger(null_log()));
        ASSERT_TRUE(table.has_value()) << table.error().description;
        EXPECT_TRUE(has(**table, "flushed"));
    }
    EXPECT_EQ(fs::file_size(log_of(copy)), size);
    EXPECT_FALSE(RocksTable::open_to_read(root_.path() + "/nothing", Logger(null_log())));
    EXPECT_FALSE(fs::exists(root_.path() + "/nothing"));
}

TEST_F(RocksDamageTest, CountsItsRoomForWhoWatches) {
    open();
    put("key", std::string(100'000, 'x'));
    mailbox::TableNumbers numbers = table_->numbers();
    EXPECT_GE(numbers.log_bytes, 100'000u);
    EXPECT_GE(numbers.memory_bytes, 100'000u);
    EXPECT_GT(numbers.free_bytes, 0u);
    mailbox::Commit event;
    event.puts.push_back({mailbox::Space::events, "event", std::string(8, '\0') + "x", {}});
    ASSERT_TRUE(commit(std::move(event)).has_value());
    ASSERT_TRUE(table_->compact().has_value());
    numbers = table_->numbers();
    EXPECT_GT(numbers.table_bytes, 0u);
    EXPECT_GT(to_ms(numbers.oldest_event), 1'600'000'000'000);
    EXPECT_EQ(numbers.expired_bytes, 0u);
    table_->expire(mailbox::Space::events, wall_time_from_ms(4'000'000'000'000));
    EXPECT_GT(table_->numbers().expired_bytes, 0u);
}

}  // namespace
}  // namespace parley::rocksdb
