#include "adapters/sqlite/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <string>

namespace parley::sqlite {
namespace {

Error file_error(const std::string& path, int number) {
    const ErrorCode code =
        number == ENOSPC || number == EDQUOT ? ErrorCode::store_full : ErrorCode::store_failed;
    return make_error(code, "cannot make the local store " + path + ": " + std::strerror(number) +
                                "; give a folder that this user can write to");
}

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

// A new name in a folder is durable once the folder is synced.
void sync_folder(const std::string& path) {
    const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        ::fsync(folder);
        ::close(folder);
    }
}

Result<void> make_folder(const std::string& path) {
    if (path.empty() || ::access(path.c_str(), F_OK) == 0) {
        return {};
    }
    const std::string parent = parent_of(path);
    if (parent != path) {
        if (auto made = make_folder(parent); !made) {
            return made;
        }
    }
    if (::mkdir(path.c_str(), 0700) != 0) {
        return errno == EEXIST ? Result<void>() : unexpected(file_error(path, errno));
    }
    sync_folder(parent);
    return {};
}

}  // namespace

std::string store_path(const std::string& folder) {
    return folder + "/store.db";
}

Result<void> prepare_store_files(const std::string& folder) {
    std::string trimmed = folder;
    while (trimmed.size() > 1 && trimmed.back() == '/') {
        trimmed.pop_back();
    }
    if (auto made = make_folder(trimmed); !made) {
        return made;
    }
    const std::string path = store_path(folder);
    // SQLite gives its other files the mode of this one.
    int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool made = file >= 0;
    if (!made && errno == EEXIST) {
        file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    }
    if (file < 0) {
        return unexpected(file_error(path, errno));
    }
    ::fchmod(file, 0600);
    ::close(file);
    // A name that was there already needs no sync at each start: should the power have gone before
    // its own, SQLite syncs the folder when it makes its log, before anything is said to be kept.
    if (made) {
        sync_folder(folder);
    }
    return {};
}

void remove_empty_folder(const std::string& folder) {
    ::rmdir(folder.c_str());
}

}  // namespace parley::sqlite
