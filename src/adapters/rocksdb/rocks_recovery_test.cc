// What the table does with the log that a crash or a power cut has left.
#include "adapters/rocksdb/log_file.h"
#include "adapters/rocksdb/testing/rocks_world.h"

#include <gmock/gmock.h>

#include <vector>

namespace parley::rocksdb {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSector = 512;
constexpr std::size_t kBlock = 32 * 1024;

class RocksRecoveryTest : public RocksWorld {
  protected:
    // Incompressible, and without zeros of its own.
    static std::string noise(std::size_t size, std::uint32_t seed) {
        std::string text(size, 'x');
        for (char& one : text) {
            seed = seed * 1664525u + 1013904223u;
            one = static_cast<char>((seed >> 24) % 255 + 1);
        }
        return text;
    }
    static void overwrite(const fs::path& file, std::size_t at, const std::string& bytes) {
        std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
        stream.seekp(static_cast<std::streamoff>(at));
        stream << bytes;
    }
    // It opens, with "first" and without "last".
    void expect_cut(const std::string& copy, std::size_t where) {
        auto opened = RocksTable::open(copy, loop_);
        ASSERT_TRUE(opened.has_value()) << where << ": " << opened.error().description;
        EXPECT_TRUE(has(**opened, "first")) << where;
        EXPECT_FALSE(has(**opened, "last")) << where;
        opened->reset();
        fs::remove_all(copy);
    }
    void expect_refused(const std::string& copy, const std::string& why) {
        const Error error = open_error(copy);
        EXPECT_EQ(error.code, ErrorCode::store_failed);
        EXPECT_THAT(error.description, HasSubstr(log_of(copy).string()));
        EXPECT_THAT(error.description, HasSubstr(why));
        const std::size_t advice = error.description.find("restore a backup");
        EXPECT_NE(advice, std::string::npos);
        EXPECT_EQ(error.description.find("restore a backup", advice + 1), std::string::npos);
    }
};

// R1
TEST_F(RocksRecoveryTest, ToleratesATornTailAndNothingElse) {
    open();
    put("first", std::string(500, 'a'));
    put("second", std::string(500, 'b'));
    put("third", std::string(500, 'c'));
    // Torn: the last record was not flushed whole.
    for (const std::uintmax_t cut : {1u, 100u, 400u}) {
        const std::string copy = killed_copy();
        const fs::path log = log_of(copy);
        fs::resize_file(log, end_of(log) - cut);
        auto opened = RocksTable::open(copy, loop_);
        ASSERT_TRUE(opened.has_value()) << opened.error().description;
        EXPECT_TRUE(has(**opened, "first"));
        EXPECT_TRUE(has(**opened, "second"));
        EXPECT_FALSE(has(**opened, "third"));
    }
    // Damaged in the middle: what follows was flushed and must not be dropped in silence.
    const std::string copy = killed_copy();
    std::string bytes = read_file(log_of(copy));
    const std::size_t middle = bytes.find(std::string(100, 'b'));
    ASSERT_NE(middle, std::string::npos);
    bytes[middle] = 'x';
    write_file(log_of(copy), bytes);
    const Error error = open_error(copy);
    EXPECT_EQ(error.code, ErrorCode::store_failed);
    EXPECT_THAT(error.description, HasSubstr(copy));
}

// R1: pages of a write that was never flushed reach the disk in any order.
TEST_F(RocksRecoveryTest, CutsALastWriteThatMissesPagesInside) {
    open();
    std::string second;
    // The first ends at many places of a page, the second is longer than two blocks.
    put("first", noise(1000, 1));
    std::size_t flushed = 0;
    for (int i = 0; i < 6; ++i) {
        put("flushed" + std::to_string(i), noise(700 + 613 * static_cast<std::size_t>(i), 2));
        flushed = end_of(log_of(folder()));
    }
    put("last", noise(90'000, 3));
    const std::size_t end = end_of(log_of(folder()));
    const std::size_t first_page = (flushed + kPage - 1) / kPage * kPage;
    int cut = 0;
    for (std::size_t page = first_page; page + kPage < end; page += kPage) {
        const std::string copy = killed_copy();
        overwrite(log_of(copy), page, std::string(kPage, '\0'));
        auto opened = RocksTable::open(copy, loop_);
        ASSERT_TRUE(opened.has_value()) << page << ": " << opened.error().description;
        EXPECT_TRUE(has(**opened, "first"));
        EXPECT_TRUE(has(**opened, "flushed5"));
        EXPECT_FALSE(has(**opened, "last")) << page;
        ++cut;
        opened->reset();
        fs::remove_all(copy);
    }
    EXPECT_GT(cut, 15);
}

// R1: a process that is killed leaves the first pages of the write that was under way.
TEST_F(RocksRecoveryTest, CutsALastWriteOfWhichAKilledProcessWroteTheBeginning) {
    open();
    put("first", noise(1000, 1));
    put("flushed", noise(3000, 2));
    const std::size_t flushed = end_of(log_of(folder()));
    put("last", noise(90'000, 3));
    const std::size_t end = end_of(log_of(folder()));
    int cut = 0;
    for (std::size_t page = flushed / kPage + 1; page * kPage < end; ++page, ++cut) {
        const std::string copy = killed_copy();
        overwrite(log_of(copy), page * kPage, std::string(end - page * kPage, '\0'));
        std::string findings;
        check_files(
            copy, {}, [&](const std::string&, const std::string& what) { findings += what; },
            [](const FilesChecked&) {});
        EXPECT_EQ(findings, "") << page;
        RecordingLog log;
        auto opened = RocksTable::open(copy, loop_, {}, Logger(log));
        ASSERT_TRUE(opened.has_value()) << page << ": " << opened.error().description;
        EXPECT_TRUE(has(**opened, "first"));
        EXPECT_TRUE(has(**opened, "flushed"));
        EXPECT_FALSE(has(**opened, "last")) << page;
        EXPECT_THAT(log.lines(), testing::Contains(HasSubstr("is incomplete, and is left out")));
        opened->reset();
        fs::remove_all(copy);
    }
    EXPECT_GT(cut, 20);
}

// R1: a block of the engine's is what a disk writes in one piece as well.
TEST_F(RocksRecoveryTest, CutsALastWriteThatMissesAWholeBlockInside) {
    open();
    put("first", noise(1000, 1));
    put("last", noise(150'000, 3));
    for (std::size_t block = 1; block < 4; ++block) {
        const std::string copy = killed_copy();
        overwrite(log_of(copy), block * kBlock, std::string(kBlock, '\0'));
        expect_cut(copy, block);
    }
}

// R1: the engine writes a large commit in pieces, which end with a fragment or its header.
TEST_F(RocksRecoveryTest, CutsALargeLastWriteWhereverAPieceOfItEnded) {
    open();
    put("first", noise(1000, 1));
    const std::size_t begin = end_of(log_of(folder()));
    put("last", noise(2 * kBlock + 20, 3));
    const std::size_t end = end_of(log_of(folder()));
    ASSERT_LT(end % kBlock, 2000u) << "the last fragment is a small one";
    const std::size_t last = end / kBlock * kBlock;
    for (const std::size_t from : {begin, begin + 3, begin + 7, begin + 8, begin + 5000, kBlock - 3,
                                   kBlock, kBlock + 7, 2 * kBlock - 1, last, last + 7}) {
        const std::string copy = killed_copy();
        overwrite(log_of(copy), from, std::string(end - from, '\0'));
        expect_cut(copy, from);
    }
}

// R1: of the last sector a record may have few bytes.
TEST_F(RocksRecoveryTest, CutsALastWriteThatMissesItsLastFewBytesOnASectorOfTheirOwn) {
    for (std::size_t few = 1; few < 10; ++few) {
        open();
        put("first", noise(1000, 1));
        const std::size_t begin = end_of(log_of(folder()));
        put("second", noise(1000, 2));
        const std::size_t overhead = end_of(log_of(folder())) - begin - 1000;
        const std::size_t now = end_of(log_of(folder()));
        const std::size_t sector = (now + 3000) / kSector * kSector;
        put("third!", noise(sector + few - overhead - now, 3));
        ASSERT_EQ(end_of(log_of(folder())), sector + few);
        const std::string copy = killed_copy();
        overwrite(log_of(copy), sector, std::string(few, '\0'));
        auto opened = RocksTable::open(copy, loop_);
        ASSERT_TRUE(opened.has_value()) << few << ": " << opened.error().description;
        EXPECT_TRUE(has(**opened, "second"));
        EXPECT_FALSE(has(**opened, "third!"));
        table_.reset();
        fs::remove_all(folder());
    }
}

// R1: the engine begins a log, with an empty batch, before it is done with the older ones.
TEST_F(RocksRecoveryTest, CutsALastWriteAlsoWhenAStartThatDidSoWasInterrupted) {
    open();
    put("first", noise(1000, 1));
    put("last", noise(20'000, 2));
    const std::string copy = killed_copy();
    overwrite(log_of(copy), 2 * kPage, std::string(5 * kPage, '\0'));
    const std::string whole = copy + "-whole";
    fs::copy(copy, whole, fs::copy_options::recursive);
    auto opened = RocksTable::open(whole, loop_);
    ASSERT_TRUE(opened.has_value()) << opened.error().description;
    const fs::path begun = log_of(whole);
    ASSERT_NE(begun.filename(), log_of(copy).filename());
    ASSERT_GT(end_of(begun), 0u) << "the engine does not begin it so any more";
    fs::copy_file(begun, log_of(copy).parent_path() / begun.filename());
    opened->reset();
    expect_cut(copy, 2 * kPage);
}

TEST_F(RocksRecoveryTest, GoesOnWritingAfterACutAndKeepsIt) {
    open();
    put("first", noise(1000, 1));
    put("last", noise(20'000, 2));
    const std::string copy = killed_copy();
    overwrite(log_of(copy), 2 * kPage, std::string(kPage, '\0'));
    table_ = std::move(RocksTable::open(copy, loop_).value());
    put("after", "x");
    table_.reset();
    table_ = std::move(RocksTable::open(copy, loop_).value());
    EXPECT_TRUE(has(*table_, "first"));
    EXPECT_TRUE(has(*table_, "after"));
    EXPECT_FALSE(has(*table_, "last"));
}

// R7: what follows is intact, so it was flushed, and so was the damaged one.
TEST_F(RocksRecoveryTest, RefusesAHoleThatAnIntactRecordFollows) {
    open();
    put("first", noise(3000, 1));
    put("second", noise(20'000, 2));
    const std::size_t second_end = end_of(log_of(folder()));
    put("third", "small");
    for (std::size_t page = kPage; page + kPage < second_end; page += kPage) {
        const std::string copy = killed_copy();
        overwrite(log_of(copy), page, std::string(kPage, '\0'));
        expect_refused(copy, "an intact one follows");
    }
}

// R7: also where the batch's header of what follows goes over the end of a block.
TEST_F(RocksRecoveryTest, RefusesAHoleWhoseIntactFollowerBeginsAtTheEndOfABlock) {
    open();
    put("first", noise(5000, 1));
    const std::size_t first_end = end_of(log_of(folder()));
    put("again", noise(5000, 2));
    const std::size_t overhead = end_of(log_of(folder())) - first_end - 5000;
    put("other", noise(8000, 3));
    constexpr std::size_t kLeft = 12;  // a header and five bytes
    put("holey", noise(kBlock - kLeft - overhead - end_of(log_of(folder())), 4));
    ASSERT_EQ(end_of(log_of(folder())), kBlock - kLeft);
    put("after", "small");
    const std::string copy = killed_copy();
    overwrite(log_of(copy), 6 * kPage, std::string(kPage, '\0'));
    expect_refused(copy, "an intact one follows at byte " + std::to_string(kBlock - kLeft));
}

// What somebody wrote may look like the log itself: it is still the last write that is not whole.
TEST_F(RocksRecoveryTest, CutsALastWriteWhoseTextLooksLikeRecordsOfALog) {
    open();
    put("first", noise(1000, 1));
    const std::string older = read_file(log_of(folder())).substr(0, end_of(log_of(folder())));
    mailbox::Commit many;
    for (int i = 0; i < 20'000; ++i) {
        many.puts.push_back({mailbox::Space::state, "k" + std::to_string(i), "", {}});
    }
    // The same log as another store has it whose sequence numbers are far ahead.
    const std::string ours = folder();
    const std::string copy_of_ours = killed_copy();
    ASSERT_TRUE(commit(std::move(many)).has_value());
    const std::size_t before = end_of(log_of(ours));
    put("ahead", "x");
    const std::string ahead = read_file(log_of(ours)).substr(before, end_of(log_of(ours)) - before);
    table_.reset();
    for (const std::string& record : {older, ahead}) {
        const std::string copy = root_.path() + "/again" + std::to_string(copies_++);
        fs::copy(copy_of_ours, copy, fs::copy_options::recursive);
        table_ = std::move(RocksTable::open(copy, loop_).value());
        put("kept", "x");
        std::string text = noise(2 * kPage, 5);
        for (int i = 0; i < 8; ++i) {
            text += record;
        }
        put("last", text + noise(4 * kPage, 6));
        const std::string killed = copy + "-killed";
        fs::copy(copy, killed, fs::copy_options::recursive);
        overwrite(log_of(killed), kPage, std::string(kPage, '\0'));
        const auto damage = find_log_damage(log_of(killed).string());
        ASSERT_TRUE(damage.has_value() && damage->has_value());
        EXPECT_FALSE((**damage).intact_after.has_value());
        const auto opened = RocksTable::open(killed, loop_);
        ASSERT_TRUE(opened.has_value()) << opened.error().description;
        EXPECT_TRUE(has(**opened, "kept"));
        EXPECT_FALSE(has(**opened, "last"));
        table_.reset();
    }
}

TEST_F(RocksRecoveryTest, RefusesDamageThatIsNoHoleAlsoInTheLastRecord) {
    open();
    put("first", noise(3000, 1));
    constexpr std::size_t kTypeInHeader = 6;
    const std::size_t type = end_of(log_of(folder())) + kTypeInHeader;
    put("last", noise(20'000, 2));
    for (const std::size_t at : {type, type + 50, type + 2000, type + 6000, type + 19'900}) {
        for (const int bit : {1, 0x40}) {
            const std::string copy = killed_copy();
            std::string bytes = read_file(log_of(copy));
            bytes[at] = static_cast<char>(bytes[at] ^ bit);
            write_file(log_of(copy), bytes);
            expect_refused(copy, "may have been flushed");
        }
    }
}

// R7: what somebody wrote may end in zeros.
TEST_F(RocksRecoveryTest, RefusesDamageInALastRecordThatEndsInZerosByItself) {
    open();
    put("first", noise(3000, 1));
    const std::size_t begin = end_of(log_of(folder()));
    const std::size_t overhead = begin - 3000;
    const std::size_t text = 3 * kSector + 100 - (begin + overhead) % kSector;
    put("zeros", noise(text, 2) + std::string(40, '\0'));
    ASSERT_EQ(end_of(log_of(folder())) % kSector, 100u) << "all zeros lie in one sector";
    const std::string copy = killed_copy();
    std::string bytes = read_file(log_of(copy));
    bytes[begin + 500] = static_cast<char>(bytes[begin + 500] ^ 1);
    write_file(log_of(copy), bytes);
    expect_refused(copy, "may have been flushed");
}

// R7: a newer log was begun, so all of the older one was flushed.
TEST_F(RocksRecoveryTest, RefusesAHoleInALogThatANewerOneFollows) {
    open();
    put("first", noise(20'000, 1));
    const std::string copy = killed_copy();
    const fs::path log = log_of(copy);
    overwrite(log, 2 * kPage, std::string(kPage, '\0'));
    const fs::path newer = log.parent_path() / "999999.log";
    write_file(newer, read_file(log_of(folder())));
    const Error error = open_error(copy);
    EXPECT_EQ(error.code, ErrorCode::store_failed);
    EXPECT_THAT(error.description, HasSubstr(log.string()));
    EXPECT_THAT(error.description, HasSubstr("a newer log follows"));
}

TEST_F(RocksRecoveryTest, FindsNoDamageInAWholeLog) {
    open();
    for (std::size_t i = 0; i < 200; ++i) {
        put("key" + std::to_string(i), noise(i * 211, static_cast<std::uint32_t>(i)));
    }
    const auto damage = find_log_damage(log_of(folder()).string());
    ASSERT_TRUE(damage.has_value());
    EXPECT_FALSE(damage->has_value());
}

}  // namespace
}  // namespace parley::rocksdb
