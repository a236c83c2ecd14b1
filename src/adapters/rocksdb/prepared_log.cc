#include "adapters/rocksdb/prepared_log.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace parley::rocksdb {
namespace {

using ::rocksdb::FileOptions;
using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;

// Of what the engine wrote to a log: read by its own threads while it is written.
using Length = std::atomic<std::uint64_t>;

class PreparedLog final : public ::rocksdb::FSWritableFile {
  public:
    PreparedLog(std::string name, int file, std::shared_ptr<Length> length)
        : name_(std::move(name)), file_(file), length_(std::move(length)) {}
    ~PreparedLog() override { (void)close(); }

    using ::rocksdb::FSWritableFile::Append;
    IOStatus Append(const ::rocksdb::Slice& data, const IOOptions&, IODebugContext*) override {
        const std::uint64_t end = *length_ + data.size();
        if (!write(std::string_view(data.data(), data.size()), *length_)) {
            return failed("write");
        }
        if (end > prepared_until_) {
            prepare(end);
        }
        *length_ = end;
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
        *length_ = prepared_until_ = size;
        return IOStatus::OK();
    }
    IOStatus Close(const IOOptions&, IODebugContext*) override {
        return close() ? IOStatus::OK() : failed("close");
    }
    std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return *length_; }

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
    void prepare(std::uint64_t end) {
        static std::array<char, kLogStep> zeros{};  // not const: so it takes no room in the program
        prepared_until_ = (end / kLogStep + 1) * kLogStep;
        (void)write({zeros.data(), static_cast<std::size_t>(prepared_until_ - end)}, end);
    }
    bool close() {
        if (file_ < 0) {
            return true;
        }
        const bool cut =
            *length_ == prepared_until_ || ::ftruncate(file_, static_cast<off_t>(*length_)) == 0;
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
    const std::shared_ptr<Length> length_;
    std::uint64_t prepared_until_ = 0;  // of the file
};

bool is_log(std::string_view name) {
    constexpr std::string_view kLog = ".log";
    return name.size() >= kLog.size() && name.substr(name.size() - kLog.size()) == kLog;
}

class Files final : public ::rocksdb::FileSystemWrapper {
  public:
    using ::rocksdb::FileSystemWrapper::FileSystemWrapper;
    const char* Name() const override { return "parley.files"; }

    IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                             std::unique_ptr<::rocksdb::FSWritableFile>* result,
                             IODebugContext* debug) override {
        if (!is_log(name)) {
            return target()->NewWritableFile(name, options, result, debug);
        }
        const int file = ::open(name.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
        if (file < 0) {
            const int why = errno;
            return why == ENOSPC ? IOStatus::NoSpace("cannot create " + name, std::strerror(why))
                                 : IOStatus::IOError("cannot create " + name, std::strerror(why));
        }
        auto length = std::make_shared<Length>(0);
        {
            const std::lock_guard lock(mutex_);
            std::erase_if(open_, [](const auto& one) { return one.second.expired(); });
            open_[name] = length;
        }
        *result = std::make_unique<PreparedLog>(name, file, std::move(length));
        return IOStatus::OK();
    }

    // Who copies a log beside its writer, as a backup does, copies what was written to it: what is
    // behind that changes under the copy.
    IOStatus GetFileSize(const std::string& name, const IOOptions& options, std::uint64_t* size,
                         IODebugContext* debug) override {
        const std::lock_guard lock(mutex_);
        if (const auto found = open_.find(name); found != open_.end()) {
            if (const auto length = found->second.lock()) {
                *size = *length;
                return IOStatus::OK();
            }
        }
        return target()->GetFileSize(name, options, size, debug);
    }
    // A log that has two names would still change in the backup when it is cut.
    IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
        return is_log(from) ? IOStatus::NotSupported("a log is copied")
                            : target()->LinkFile(from, to, options, debug);
    }

  private:
    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<Length>> open_;
};

}  // namespace

::rocksdb::Env* env_with_prepared_logs() {
    static ::rocksdb::Env* const kEnv =
        ::rocksdb::NewCompositeEnv(std::make_shared<Files>(::rocksdb::FileSystem::Default()))
            .release();
    return kEnv;
}

}  // namespace parley::rocksdb
