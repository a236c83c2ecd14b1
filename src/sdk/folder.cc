#include "sdk/folder.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace parley::sdk {
namespace {

bool is_folder(const std::string& path) {
    struct stat found{};
    return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

Error cannot_make(const std::string& path, int why) {
    const bool full = why == ENOSPC || why == EDQUOT;
    return make_error(
        full ? ErrorCode::store_full : ErrorCode::store_failed,
        "the folder of the local store " + path + " cannot be made: " + std::strerror(why));
}

// Else a power cut takes the new name, and the store in the folder with it. A parent that may not
// be read, or a file system that cannot do it, is no reason to fail.
void sync_parent(const std::string& path) {
    const std::size_t slash = path.find_last_of('/', path.find_last_not_of('/'));
    const std::string parent = slash == std::string::npos ? "."
                               : slash == 0               ? "/"
                                                          : path.substr(0, slash);
    const int folder = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        ::fsync(folder);
        ::close(folder);
    }
}

}  // namespace

Result<void> make_folder(const std::string& folder) {
    for (std::size_t end = 1; end <= folder.size(); ++end) {
        if (end < folder.size() && folder[end] != '/') {
            continue;
        }
        const std::string path = folder.substr(0, end);
        if (::mkdir(path.c_str(), 0700) == 0) {
            sync_parent(path);
            continue;
        }
        const int why = errno;
        // Also where a parent may be read only: what exists is good.
        if (is_folder(path)) {
            continue;
        }
        return unexpected(cannot_make(path, why == EEXIST ? ENOTDIR : why));
    }
    return {};
}

void remove_folder(const std::string& folder) {
    ::rmdir(folder.c_str());
}

}  // namespace parley::sdk
