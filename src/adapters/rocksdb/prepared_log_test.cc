#include "adapters/rocksdb/prepared_log.h"

#include "adapters/rocksdb/testing/rocks_world.h"

#include <rocksdb/env.h>
#include <sys/resource.h>
#include <csignal>

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

// Were they what is missing of a record after a kill, that would not be told from damage.
TEST_F(PreparedLogTest, FewBytesOnTheLastPageOfAWriteAreWrittenBeforeTheRest) {
    for (std::size_t more = 1; more < 10; ++more) {
        fs::remove(log_);
        const auto log = make(log_);
        ASSERT_TRUE(log->Append(std::string(100, 'a')).ok());
        fs::resize_file(log_, 100);
        const Limit limit(kPage);  // the last page cannot be written
        EXPECT_FALSE(log->Append(std::string(kPage - 100 + more, 'b')).ok());
        const bool first_page_written = fs::file_size(log_) > 100;
        EXPECT_EQ(first_page_written, more >= 8) << more;
    }
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

}  // namespace
}  // namespace parley::rocksdb
