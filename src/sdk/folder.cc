#include "sdk/folder.h"

#include <cerrno>
#include <cstring>

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

}  // namespace

Result<void> make_folder(const std::string& folder) {
    for (std::size_t end = 1; end <= folder.size(); ++end) {
        if (end < folder.size() && folder[end] != '/') {
            continue;
        }
        const std::string path = folder.substr(0, end);
        if (::mkdir(path.c_str(), 0700) == 0) {
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
