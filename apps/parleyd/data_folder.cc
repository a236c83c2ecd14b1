#include "data_folder.h"

#include "base/try.h"
#include "files.h"
#include "manifest.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace parley::parleyd {
namespace {

Error store_failed(const Error& cause) {
    return make_error(ErrorCode::store_failed, cause.description);
}

// The process that the file names, in words, or nothing.
std::string holder(const std::string& lock_file) {
    const auto content = read_file(lock_file, 64);
    if (!content) {
        return "";
    }
    std::string pid = *content;
    std::erase(pid, '\n');
    const bool is_number = !pid.empty() && std::all_of(pid.begin(), pid.end(),
                                                       [](char c) { return c >= '0' && c <= '9'; });
    return is_number ? " (process " + pid + ")" : "";
}

std::string without_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') {
        path.pop_back();
    }
    return path;
}

// Closes the file where it fails.
Result<void> lock_alone(int lock, const std::string& path) {
    const std::string lock_file = DataFolder::lock_in(path);
    // Held by the open file: the kernel gives it back however the process ends.
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        const int reason = errno;
        ::close(lock);
        if (reason == EWOULDBLOCK) {
            return unexpected(make_error(
                ErrorCode::store_in_use,
                path + ": the data folder is in use by another parleyd" + holder(lock_file) +
                    "; stop it, or give this one a folder of its own with --data"));
        }
        errno = reason;
        return unexpected(store_failed(file_error("the data folder cannot be locked", lock_file)));
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::open(const std::string& given) {
    const std::string path = without_slashes(given);
    PARLEY_CHECK(check_no_backup(path));
    // Whoever reads this folder reads every message.
    if (auto made = make_private_folder(path); !made) {
        return unexpected(store_failed(made.error()));
    }
    const std::string lock_file = lock_in(path);
    const int lock = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
        return unexpected(store_failed(file_error("the data folder cannot be used", lock_file)));
    }
    PARLEY_CHECK(lock_alone(lock, path));
    std::unique_ptr<DataFolder> folder(new DataFolder(path, lock));
    PARLEY_CHECK(check_restored(folder->path_));
    const std::string pid = std::to_string(::getpid()) + "\n";
    // Only for the words of whoever comes second; a full disk is no reason not to start.
    [[maybe_unused]] const bool told =
        ::ftruncate(lock, 0) == 0 && ::pwrite(lock, pid.data(), pid.size(), 0) > 0;
    return folder;
}

Result<std::unique_ptr<DataFolder>> DataFolder::open_to_read(const std::string& given) {
    std::string path = without_slashes(given);
    const std::string lock_file = lock_in(path);
    const int lock = ::open(lock_file.c_str(), O_RDONLY | O_CLOEXEC);
    if (lock < 0 && errno != ENOENT) {
        return unexpected(store_failed(file_error("the data folder cannot be used", lock_file)));
    }
    if (lock >= 0) {
        PARLEY_CHECK(lock_alone(lock, path));
    }
    std::unique_ptr<DataFolder> folder(new DataFolder(std::move(path), lock));
    PARLEY_CHECK(check_restored(folder->path_));
    return folder;
}

Result<void> DataFolder::check_restored(const std::string& path) {
    struct stat found{};
    if (::lstat(unfinished_restore_in(path).c_str(), &found) != 0) {
        return {};
    }
    return unexpected(
        make_error(ErrorCode::store_failed, unfinished_restore_in(path) +
                                                ": a restore was interrupted; remove the folder " +
                                                path + " and restore again"));
}

Result<void> DataFolder::check_no_backup(const std::string& path) {
    struct stat found{};
    const std::string manifest = path + "/" + kManifestFile;
    if (::lstat(manifest.c_str(), &found) != 0) {
        return {};
    }
    return unexpected(make_error(
        ErrorCode::store_failed,
        manifest + ": " + path +
            " is a backup, which a server would change; restore it into a new folder (parleyd "
            "restore " +
            path + " --data DIR)"));
}

bool DataFolder::has_store() const {
    std::error_code ignored;
    const std::filesystem::directory_iterator entries(store(), ignored);
    return std::any_of(begin(entries), end(entries),
                       [&](const auto& entry) { return entry.is_directory(ignored); });
}

bool DataFolder::has_epoch() const {
    std::error_code ignored;
    return std::filesystem::exists(store() + "/EPOCH", ignored);
}

DataFolder::~DataFolder() {
    if (lock_ >= 0) {
        ::close(lock_);
    }
}

}  // namespace parley::parleyd
