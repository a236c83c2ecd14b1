#include "adapters/rocksdb/prepared_log.h"

#include "adapters/rocksdb/testing/rocks_world.h"

#include <rocksdb/env.h>
#include <sys/resource.h>
#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

namespace parley::rocksdb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPage = 4096;

class PreparedLogTest : public testing::Test {
  protected:
    // No file of the process may be longer: what a full disk does, to a byte.
    class Limit {
      public:
        explicit Limit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
            ::getrlimit(RLIMIT_FSIZE, &before_);
            rlimit now = before_;
            now.rlim_cur = bytes;
            EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &now), 0);
        }
        Limit(const Limit&) = delete;
        Limit& operator=(const Limit&) = delete;
        ~Limit() {
            ::setrlimit(RLIMIT_FSIZE, &before_);
            std::signal(SIGXFSZ, handler_);
        }

      private:
        rlimit before_{};
        void (*handler_)(int);
    };

    std::unique_ptr<::rocksdb::WritableFile> make(const std::string& file) {
        std::unique_ptr<::rocksdb::WritableFile> made;
        EXPECT_TRUE(env_with_prepared_logs()->NewWritableFile(file, &made, {}).ok());
        return made;
    }
    static std::string zeros(std::size_t size) { return std::string(size, '\0'); }

    TemporaryFolder root_;
    const std::string log_ = root_.path() + "/000004.log";
};

// R1: a flush writes no new size, as the file has it already.
TEST_F(PreparedLogTest, ALogGrowsInStepsOfZerosThatAreWrittenOver) {
    const auto log = make(log_);
    std::string written;
    for (const std::size_t size : {1000u, 5u, 70'000u, 200'000u, 300'000u, 1u}) {
        const std::string one(size, static_cast<char>('a' + size % 26));
        const std::size_t before = written.empty() ? 0 : fs::file_size(log_);
        ASSERT_TRUE(log->Append(one).ok());
        ASSERT_TRUE(log->Sync().ok());
        written += one;
        const std::string file = read_file(log_);
        if (written.size() <= before) {
            EXPECT_EQ(file.size(), before) << size;
        }
        EXPECT_EQ(file.size() % kLogStep, 0u) << size;
        EXPECT_LT(file.size() - written.size(), kLogStep + 1) << size;
        EXPECT_TRUE(file == written + zeros(file.size() - written.size())) << size;
        EXPECT_EQ(log->GetFileSize(), written.size());
    }
}

TEST_F(PreparedLogTest, ALogThatIsClosedIsCutToWhatWasWritten) {
    auto log = make(log_);
    ASSERT_TRUE(log->Append("some text").ok());
    ASSERT_TRUE(log->Close().ok());
    EXPECT_EQ(read_file(log_), "some text");
    log = make(log_);
    ASSERT_TRUE(log->Append("other").ok());
    log.reset();
    EXPECT_EQ(read_file(log_), "other");
}

TEST_F(PreparedLogTest, OtherFilesAreAsLongAsWhatIsWrittenToThem) {
    const auto table = make(root_.path() + "/000005.sst");
    ASSERT_TRUE(table->Append("text").ok());
    ASSERT_TRUE(table->Flush().ok());
    EXPECT_EQ(fs::file_size(root_.path() + "/000005.sst"), 4u);
}

TEST_F(PreparedLogTest, WhereThereIsNoRoomForZerosALogGrowsByWhatIsWritten) {
    const auto log = make(log_);
    const Limit limit(3 * kPage);
    const std::string one(kPage, 'x');
    for (int i = 1; i <= 3; ++i) {
        ASSERT_TRUE(log->Append(one).ok()) << i;
        EXPECT_EQ(log->GetFileSize(), static_cast<std::uint64_t>(i) * kPage);
    }
    const ::rocksdb::Status full = log->Append(one);
    EXPECT_FALSE(full.ok());
    EXPECT_NE(full.ToString().find(log_), std::string::npos) << full.ToString();
    EXPECT_TRUE(read_file(log_) == one + one + one);
}

// A backup copies so much, beside the writer.
TEST_F(PreparedLogTest, WhoAsksForTheSizeOfALogIsToldWhatWasWritten) {
    const auto size = [this] {
        std::uint64_t bytes = 0;
        EXPECT_TRUE(env_with_prepared_logs()->GetFileSize(log_, &bytes).ok());
        return bytes;
    };
    auto log = make(log_);
    EXPECT_EQ(size(), 0u);
    ASSERT_TRUE(log->Append("some text").ok());
    EXPECT_EQ(size(), 9u);
    ASSERT_TRUE(log->Append("and more").ok());
    EXPECT_EQ(size(), 17u);
    log.reset();
    EXPECT_EQ(size(), 17u);
    fs::resize_file(log_, 5);
    EXPECT_EQ(size(), 5u) << "nobody writes to it any more";
}

// What the engine cuts later would be cut in a backup too.
TEST_F(PreparedLogTest, ALogGetsNoSecondName) {
    ASSERT_TRUE(make(log_)->Append("text").ok());
    EXPECT_TRUE(env_with_prepared_logs()->LinkFile(log_, root_.path() + "/1.log").IsNotSupported());
    const std::string table = root_.path() + "/000005.sst";
    ASSERT_TRUE(make(table)->Append("text").ok());
    EXPECT_TRUE(env_with_prepared_logs()->LinkFile(table, root_.path() + "/1.sst").ok());
}

// R1: what was flushed is found behind a kill, whatever was prepared behind it.
class PreparedStoreTest : public RocksWorld {};

TEST_F(PreparedStoreTest, AStoreThatWasKilledOpensWithAllThatWasFlushed) {
    open();
    for (int i = 0; i < 40; ++i) {
        put("key" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 997, 'v'));
        EXPECT_EQ(fs::file_size(log_of(folder())) % kLogStep, 0u);
        if (i % 8 != 0) {
            continue;
        }
        const std::string copy = killed_copy();
        RecordingLog log;
        auto opened = RocksTable::open(copy, loop_, {}, Logger(log));
        ASSERT_TRUE(opened.has_value()) << opened.error().description;
        for (int k = 0; k <= i; ++k) {
            EXPECT_TRUE(has(**opened, "key" + std::to_string(k)));
        }
    }
}

TEST_F(PreparedStoreTest, ABackupBesideCommitsIsWholeUpToSomeCommit) {
    open();
    put("key0");
    std::atomic<bool> done = false;
    std::vector<std::string> copies;
    std::thread backing([&] {
        for (int i = 0; i < 12; ++i) {
            copies.push_back(root_.path() + "/backup" + std::to_string(i));
            EXPECT_TRUE(table_->backup(copies.back()).has_value());
        }
        done = true;
    });
    int last = 0;
    while (!done) {
        put("key" + std::to_string(++last), std::string(20'000, 'v'));
    }
    backing.join();
    for (const std::string& copy : copies) {
        std::string findings;
        check_files(
            copy, {},
            [&](const std::string& file, const std::string& what) {
                findings += file + ": " + what;
            },
            [](const FilesChecked&) {});
        EXPECT_EQ(findings, "");
        auto opened = RocksTable::open(copy, loop_);
        ASSERT_TRUE(opened.has_value()) << opened.error().description;
        int known = last;
        while (known > 0 && !has(**opened, "key" + std::to_string(known))) {
            --known;
        }
        for (int k = 0; k <= known; ++k) {
            EXPECT_TRUE(has(**opened, "key" + std::to_string(k))) << copy;
        }
    }
}

}  // namespace
}  // namespace parley::rocksdb
