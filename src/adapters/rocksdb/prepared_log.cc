#include "adapters/rocksdb/prepared_log.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace parley::rocksdb {
namespace {

using ::rocksdb::FileOptions;
using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;

constexpr std::size_t kPage = 4096;
// Less zeros than this at the end of a record do not prove that they were never written
// (log_file.cc).
constexpr std::size_t kProvesNothing = 8;

class PreparedLog final : public ::rocksdb::FSWritableFile {
  public:
    PreparedLog(std::string name, int file) : name_(std::move(name)), file_(file) {}
    ~PreparedLog() override { (void)close(); }

    using ::rocksdb::FSWritableFile::Append;
    IOStatus Append(const ::rocksdb::Slice& data, const IOOptions&, IODebugContext*) override {
        const std::uint64_t end = end_ + data.size();
        // A process that is killed here leaves whole pages. Few bytes on the last one come first:
        // were they what is missing, nobody could tell that from damage.
        const std::size_t on_last_page = static_cast<std::size_t>(end % kPage);
        const std::size_t last =
            on_last_page < kProvesNothing && on_last_page < data.size() ? on_last_page : 0;
        const std::string_view bytes(data.data(), data.size());
        if (!write(bytes.substr(bytes.size() - last), end - last) ||
            !write(bytes.substr(0, bytes.size() - last), end_)) {
            return failed("write");
        }
        end_ = end;
        if (end_ > prepared_until_) {
            prepare();
        }
        return IOStatus::OK();
    }
    IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Sync(const IOOptions&, IODebugContext*) override {
        return ::fdatasync(file_) == 0 ? IOStatus::OK() : failed("flush");
    }
    IOStatus Fsync(const IOOptions&, IODebugContext*) override {
        return ::fsync(file_) == 0 ? IOStatus::OK() : failed("flush");
    }
    bool IsSyncThreadSafe() const override { return true; }
    IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
        if (::ftruncate(file_, static_cast<off_t>(size)) != 0) {
            return failed("cut");
        }
        end_ = prepared_until_ = size;
        return IOStatus::OK();
    }
    IOStatus Close(const IOOptions&, IODebugContext*) override {
        return close() ? IOStatus::OK() : failed("close");
    }
    std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return end_; }

  private:
    bool write(std::string_view bytes, std::uint64_t at) {
        while (!bytes.empty()) {
            const ssize_t written =
                ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at));
            if (written < 0 && errno != EINTR) {
                return false;
            }
            const auto done = static_cast<std::size_t>(std::max<ssize_t>(written, 0));
            bytes.remove_prefix(done);
            at += done;
        }
        return true;
    }
    // Where there is no room for it the log grows by what is written.
    void prepare() {
        static std::array<char, kLogStep> zeros{};  // not const: so it takes no room in the program
        prepared_until_ = (end_ / kLogStep + 1) * kLogStep;
        (void)write({zeros.data(), static_cast<std::size_t>(prepared_until_ - end_)}, end_);
    }
    bool close() {
        if (file_ < 0) {
            return true;
        }
        const bool cut =
            end_ == prepared_until_ || ::ftruncate(file_, static_cast<off_t>(end_)) == 0;
        return ::close(std::exchange(file_, -1)) == 0 && cut;
    }
    IOStatus failed(const char* what) const {
        const int why = errno;
        const std::string where = "cannot " + std::string(what) + " " + name_;
        return why == ENOSPC ? IOStatus::NoSpace(where, std::strerror(why))
                             : IOStatus::IOError(where, std::strerror(why));
    }

    const std::string name_;
    int file_;
    std::uint64_t end_ = 0;             // of what the engine wrote
    std::uint64_t prepared_until_ = 0;  // of the file
};

class Files final : public ::rocksdb::FileSystemWrapper {
  public:
    using ::rocksdb::FileSystemWrapper::FileSystemWrapper;
    const char* Name() const override { return "parley.files"; }

    IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                             std::unique_ptr<::rocksdb::FSWritableFile>* result,
                             IODebugContext* debug) override {
        constexpr std::string_view kLog = ".log";
        if (name.size() < kLog.size() ||
            std::string_view(name).substr(name.size() - kLog.size()) != kLog) {
            return target()->NewWritableFile(name, options, result, debug);
        }
        const int file = ::open(name.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
        if (file < 0) {
            const std::string why = std::strerror(errno);
            return errno == ENOSPC ? IOStatus::NoSpace("cannot create " + name, why)
                                   : IOStatus::IOError("cannot create " + name, why);
        }
        *result = std::make_unique<PreparedLog>(name, file);
        return IOStatus::OK();
    }
};

}  // namespace

::rocksdb::Env* env_with_prepared_logs() {
    static ::rocksdb::Env* const kEnv =
        ::rocksdb::NewCompositeEnv(std::make_shared<Files>(::rocksdb::FileSystem::Default()))
            .release();
    return kEnv;
}

}  // namespace parley::rocksdb
