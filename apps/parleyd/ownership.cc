#include "ownership.h"

#include "base/try.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <vector>

namespace parley::parleyd {
namespace {

namespace fs = std::filesystem;

std::string name_of(uid_t user) {
    const passwd* const found = ::getpwuid(user);
    return found != nullptr ? std::string(found->pw_name) : "#" + std::to_string(user);
}

bool is_refused(const std::string& path, int how) {
    return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) != 0 && errno == EACCES;
}

std::string as_that_user(const std::string& owner) {
    return "run this as that user (sudo -u " + owner + "; the service: systemctl start parleyd)";
}

// Of a folder (or what should be one) that this process may not use.
Error not_ours(const std::string& folder, uid_t owner) {
    const std::string what = folder + ": Permission denied to " + name_of(::geteuid());
    return make_error(
        ErrorCode::store_failed,
        owner == ::geteuid()
            ? what + ", whose folder it is: it has lost its mode, give it 0700 (chmod 700)"
            : what + ", the folder belongs to " + name_of(owner) + ": " +
                  as_that_user(name_of(owner)));
}

Error not_ours_in(const std::string& data, uid_t owner, const std::string& path) {
    struct stat found{};
    const bool is_known = ::stat(path.c_str(), &found) == 0;
    return make_error(ErrorCode::store_failed,
                      path + ": Permission denied to " + name_of(::geteuid()) +
                          (is_known ? ", it belongs to " + name_of(found.st_uid) : "") +
                          "; nothing is damaged: give all of the folder to its user (chown -R " +
                          name_of(owner) + ": " + data + ") and start again");
}

// The first that may not be used: files are read, or replaced by others in their folder; only a
// lock is written.
std::optional<std::string> refused_in(const std::string& data) {
    std::vector<fs::path> paths{data + "/LOCK", data + "/application.json"};
    for (const char* const folder : {"/applications", "/store"}) {
        paths.emplace_back(data + folder);
        std::error_code ignored;
        for (fs::recursive_directory_iterator at(data + folder, ignored), end;
             !ignored && at != end; at.increment(ignored)) {
            paths.push_back(at->path());
        }
    }
    for (const fs::path& path : paths) {
        std::error_code ignored;
        const int how = fs::is_directory(path, ignored) ? R_OK | W_OK | X_OK
                        : path.filename() == "LOCK"     ? R_OK | W_OK
                                                        : R_OK;
        if (is_refused(path.string(), how)) {
            return path.string();
        }
    }
    return std::nullopt;
}

}  // namespace

std::string own_name() {
    return name_of(::geteuid());
}

Result<void> check_owner(const std::string& data) {
    struct stat status{};
    if (::geteuid() != 0 || ::stat(data.c_str(), &status) != 0 || status.st_uid == 0) {
        return {};
    }
    const std::string owner = name_of(status.st_uid);
    return unexpected(
        make_error(ErrorCode::invalid_argument,
                   data + ": the folder belongs to " + owner +
                       ", who could not read what root writes there: " + as_that_user(owner)));
}

Result<void> check_access(const std::string& data) {
    struct stat status{};
    if (::stat(data.c_str(), &status) != 0) {
        // Where there is none it will be made, or that says what is wrong.
        if (errno != EACCES) {
            return {};
        }
        return unexpected(make_error(ErrorCode::store_failed,
                                     data + ": Permission denied to " + name_of(::geteuid()) +
                                         ": run this as the user that the server runs as"));
    }
    if (S_ISDIR(status.st_mode) && is_refused(data, R_OK | W_OK | X_OK)) {
        return unexpected(not_ours(data, status.st_uid));
    }
    if (const auto path = refused_in(data)) {
        return unexpected(not_ours_in(data, status.st_uid, *path));
    }
    return {};
}

Result<void> check_usable(const std::string& data) {
    PARLEY_CHECK(check_owner(data));
    return check_access(data);
}

}  // namespace parley::parleyd
