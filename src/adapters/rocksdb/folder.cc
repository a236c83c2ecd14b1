#include "adapters/rocksdb/folder.h"

#include "base/try.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace parley::rocksdb {
namespace {

Error failed(const std::string& file, const std::string& what) {
    return make_error(ErrorCode::store_failed, file + ": " + what);
}
Error system_failed(const std::string& file) {
    return failed(file, std::strerror(errno));
}

class File {
  public:
    File(const std::string& path, int flags)
        : file_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (file_ >= 0) {
            ::close(file_);
        }
    }
    bool open() const { return file_ >= 0; }
    int get() const { return file_; }

  private:
    int file_;
};

Result<std::string> random_epoch() {
    std::array<unsigned char, 16> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
        return unexpected(system_failed("getrandom"));
    }
    std::string text;
    for (const unsigned char byte : random) {
        constexpr char kHex[] = "0123456789abcdef";
        text.push_back(kHex[byte >> 4]);
        text.push_back(kHex[byte & 15]);
    }
    return text;
}

// Whole or not at all: a crash leaves the old file or the new one.
Result<void> write_durably(const std::string& folder, const std::string& path,
                           const std::string& text) {
    const std::string temporary = path + ".new";
    {
        const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
        if (!file.open() ||
            ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
            ::fsync(file.get()) != 0) {
            return unexpected(system_failed(temporary));
        }
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        return unexpected(system_failed(path));
    }
    return sync_folder(folder);
}

}  // namespace

Result<void> make_folder(const std::string& folder) {
    std::error_code failure;
    const std::filesystem::path path(folder);
    if (std::filesystem::is_directory(path, failure)) {
        return {};
    }
    const std::filesystem::path parent = path.parent_path();
    if (!parent.empty() && parent != path) {
        PARLEY_CHECK(make_folder(parent.string()));
    }
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return unexpected(system_failed(folder));
    }
    if (!std::filesystem::is_directory(path, failure)) {
        return unexpected(failed(folder, "is not a folder"));
    }
    // Else a power cut takes the name, and all that is in the folder with it.
    return sync_folder(parent.empty() ? "." : parent.string());
}

Result<void> sync_folder(const std::string& folder) {
    const File file(folder, O_RDONLY | O_DIRECTORY);
    if (!file.open() || ::fsync(file.get()) != 0) {
        return unexpected(system_failed(folder));
    }
    return {};
}

Result<std::uint64_t> free_bytes(const std::string& folder) {
    struct statvfs room{};
    if (::statvfs(folder.c_str(), &room) != 0) {
        return unexpected(system_failed(folder));
    }
    return static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
}

std::uint64_t log_bytes(const std::string& engine_folder) {
    std::uint64_t bytes = 0;
    std::error_code failure;
    std::filesystem::directory_iterator at(engine_folder, failure);
    for (const std::filesystem::directory_iterator end; !failure && at != end;
         at.increment(failure)) {
        if (at->path().extension() != ".log") {
            continue;
        }
        // One may go between the listing and the look at it.
        std::error_code gone;
        const std::uintmax_t size = at->file_size(gone);
        bytes += gone ? 0 : size;
    }
    return bytes;
}

Result<Epoch> load_epoch(const std::string& folder) {
    const std::string path = folder + "/EPOCH";
    const File file(path, O_RDONLY);
    if (!file.open()) {
        if (errno != ENOENT) {
            return unexpected(system_failed(path));
        }
        PARLEY_TRY(const std::string made, random_epoch());
        PARLEY_CHECK(write_durably(folder, path, made + "\n"));
        return Epoch(made);
    }
    std::array<char, 128> text{};
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size < 0) {
        return unexpected(system_failed(path));
    }
    std::string epoch(text.data(), static_cast<std::size_t>(size));
    if (!epoch.empty() && epoch.back() == '\n') {
        epoch.pop_back();
    }
    const auto good = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_';
    };
    if (epoch.empty() || epoch.size() > 64 || !std::all_of(epoch.begin(), epoch.end(), good)) {
        return unexpected(
            failed(path,
                   "is damaged: 1 to 64 letters and digits are expected. Remove it to "
                   "start a new epoch; every device then reads its mailbox again"));
    }
    return Epoch(std::move(epoch));
}

Result<FolderLock> FolderLock::take(const std::string& folder) {
    const std::string path = folder + "/IN_USE";
    FolderLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.file_ < 0) {
        return unexpected(system_failed(path));
    }
    if (::flock(lock.file_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return unexpected(system_failed(path));
        }
        return unexpected(
            make_error(ErrorCode::store_in_use, folder + " is in use by another process"));
    }
    return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock::~FolderLock() {
    if (file_ >= 0) {
        ::close(file_);
    }
}

Result<void> check_room_to_open(const std::string& folder, std::uint64_t reserve) {
    PARLEY_TRY(const std::uint64_t free, free_bytes(folder));
    constexpr std::uint64_t kLeast = 1 << 20;
    const std::uint64_t wanted = std::max(reserve / 2, kLeast);
    if (free >= wanted) {
        return {};
    }
    return unexpected(make_error(
        ErrorCode::store_failed,
        folder + ": " + std::to_string(free >> 20) + " MiB are free on its file system, " +
            std::to_string(wanted >> 20) + " MiB are wanted to open the store; make room there"));
}

}  // namespace parley::rocksdb
