#include "backup.h"

#include "base/try.h"
#include "data_folder.h"
#include "files.h"
#include "ownership.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace parley::parleyd {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestManifest = 64 * 1024 * 1024;

Error failed(const std::string& path, const std::string& why) {
    return make_error(ErrorCode::invalid_argument, path + ": " + why);
}

// A folder under its temporary name, gone with this object unless it was kept.
class Unfinished {
  public:
    explicit Unfinished(std::string path) : path_(std::move(path)) {}
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
    ~Unfinished() {
        if (!path_.empty()) {
            std::error_code ignored;
            fs::remove_all(path_, ignored);
        }
    }
    const std::string& path() const { return path_; }
    void keep() { path_.clear(); }

  private:
    std::string path_;
};

std::string without_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') {
        path.pop_back();
    }
    return path;
}

// The files below a folder, by their paths in it, sorted.
Result<std::vector<std::string>> files_below(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code failure;
    fs::recursive_directory_iterator at(folder, failure);
    for (const fs::recursive_directory_iterator end; !failure && at != end; at.increment(failure)) {
        if (!at->is_directory(failure)) {
            files.push_back(at->path().lexically_relative(folder).string());
        }
    }
    if (failure) {
        return unexpected(failed(folder, failure.message()));
    }
    std::sort(files.begin(), files.end());
    return files;
}

Result<void> flush(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool flushed = file >= 0 && ::fsync(file) == 0;
    const int reason = errno;
    if (file >= 0) {
        ::close(file);
    }
    errno = reason;
    return flushed ? Result<void>() : unexpected(file_error("cannot be flushed", path));
}

// Everything in the folder, and the folder.
Result<void> flush_all(const std::string& folder) {
    std::error_code failure;
    fs::recursive_directory_iterator at(folder, failure);
    for (const fs::recursive_directory_iterator end; !failure && at != end; at.increment(failure)) {
        PARLEY_CHECK(flush(at->path().string()));
    }
    if (failure) {
        return unexpected(failed(folder, failure.message()));
    }
    return flush(folder);
}

// Mode 0600, whatever the source had.
Result<void> copy_private_file(const std::string& from, const std::string& to) {
    std::error_code failure;
    fs::create_directories(fs::path(to).parent_path(), failure);
    if (!failure) {
        fs::copy_file(from, to, failure);
    }
    if (!failure) {
        fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write, failure);
    }
    return failure ? unexpected(failed(to, failure.message())) : Result<void>();
}

// The applications' keys and secrets: application.json, and what lies in applications/.
Result<void> copy_applications(const std::string& data, const std::string& to) {
    std::error_code failure;
    // The first one may have been removed.
    if (fs::exists(data + "/application.json", failure)) {
        PARLEY_CHECK(copy_private_file(data + "/application.json", to + "/application.json"));
    }
    if (!fs::exists(data + "/applications", failure)) {
        return {};
    }
    PARLEY_TRY(const auto files, files_below(data + "/applications"));
    for (const std::string& file : files) {
        PARLEY_CHECK(
            copy_private_file(data + "/applications/" + file, to + "/applications/" + file));
    }
    return {};
}

// Not world-readable, below and included.
Result<void> close_folders(const std::string& folder) {
    std::error_code failure;
    fs::recursive_directory_iterator at(folder, failure);
    for (const fs::recursive_directory_iterator end; !failure && at != end; at.increment(failure)) {
        if (at->is_directory(failure)) {
            fs::permissions(at->path(), fs::perms::owner_all, failure);
        }
    }
    return failure ? unexpected(failed(folder, failure.message())) : Result<void>();
}

// A restore by root leaves files that the server can use: all that it makes goes to the owner of
// the data folder or, where that is new, of the nearest folder above that was there.
class Heir {
  public:
    // Before the data folder is made.
    explicit Heir(const std::string& data) {
        std::error_code failure;
        fs::path at = fs::absolute(data, failure);
        while (::stat(at.c_str(), &owner_) != 0 && at.has_relative_path()) {
            new_folders_.push_back(at.string());
            at = at.parent_path();
        }
    }
    Result<void> give_folders() const {
        for (const std::string& folder : new_folders_) {
            PARLEY_CHECK(give(folder));
        }
        return {};
    }
    Result<void> give_all_in(const std::string& folder) const {
        std::error_code failure;
        fs::recursive_directory_iterator at(folder, failure);
        for (const fs::recursive_directory_iterator end; !failure && at != end;
             at.increment(failure)) {
            PARLEY_CHECK(give(at->path().string()));
        }
        return failure ? unexpected(failed(folder, failure.message())) : Result<void>();
    }
    Result<void> give(const std::string& path) const {
        if (::geteuid() == 0 && ::lchown(path.c_str(), owner_.st_uid, owner_.st_gid) != 0) {
            return unexpected(file_error("its owner cannot be set", path));
        }
        return {};
    }

  private:
    struct stat owner_{};
    std::vector<std::string> new_folders_;
};

Result<void> check_empty(const std::string& data) {
    std::error_code failure;
    for (fs::directory_iterator at(data, failure), end; !failure && at != end;
         at.increment(failure)) {
        // The lock is there because this process took it.
        if (at->path().filename() != "LOCK") {
            return unexpected(failed(data, "is not empty (" + at->path().filename().string() +
                                               " is in it); a backup is restored into a new or "
                                               "empty folder, move this one away first"));
        }
    }
    return failure ? unexpected(failed(data, failure.message())) : Result<void>();
}

Error cannot_make(std::string what, std::error_code why) {
    if (why == std::errc::permission_denied || why == std::errc::read_only_file_system) {
        what += "; the server makes the folder, as its own user " + own_name() +
                ", who must be able to write there (ReadWritePaths= of its unit, too)";
    }
    return make_error(ErrorCode::invalid_argument, std::move(what));
}

// The line begins with the folder of the backup, and that need not be what is full.
Error with_full_disk(Error error, const std::string& data, const std::string& folder) {
    if (error.description.find("No space left") != std::string::npos) {
        const auto available = [](const std::string& path) {
            std::error_code failure;
            const fs::space_info space = fs::space(path, failure);
            return failure ? UINTMAX_MAX : space.available;
        };
        error.description += available(data) <= available(folder)
                                 ? "; it is the disk of the data folder " + data +
                                       " that is full: a backup first flushes what is in memory"
                                 : "; it is the disk of the backup that is full";
    }
    return error;
}

}  // namespace

Result<Manifest> make_backup(mailbox::Table& table, const std::string& data,
                             const std::string& given, std::string made) {
    const std::string to = without_slashes(given);
    std::error_code failure;
    if (fs::exists(fs::symlink_status(to, failure))) {
        return unexpected(failed(to, "exists; a backup goes into a new folder"));
    }
    const std::string parent =
        fs::path(to).has_parent_path() ? fs::path(to).parent_path().string() : ".";
    if (!fs::is_directory(parent, failure)) {
        if (failure == std::errc::permission_denied) {
            return unexpected(cannot_make(parent + ": " + failure.message(), failure));
        }
        return unexpected(failed(parent, "there is no such folder"));
    }
    Unfinished unfinished(to + ".partial");
    const std::string& folder = unfinished.path();
    // What an interrupted backup may have left.
    fs::remove_all(folder, failure);
    if (::mkdir(folder.c_str(), 0700) != 0) {
        const std::error_code why(errno, std::generic_category());
        return unexpected(cannot_make(file_error("cannot be made", folder).description, why));
    }
    if (auto copied = table.backup(folder + "/store"); !copied) {
        return unexpected(with_full_disk(std::move(copied).error(), data, folder));
    }
    PARLEY_CHECK(copy_applications(data, folder));
    PARLEY_CHECK(close_folders(folder));
    Manifest manifest{std::move(made), PARLEY_VERSION, table.epoch().value(), {}};
    PARLEY_TRY(const auto files, files_below(folder));
    for (const std::string& file : files) {
        PARLEY_TRY(Manifest::File described, describe_file(folder, file));
        manifest.files.push_back(std::move(described));
    }
    PARLEY_CHECK(flush_all(folder));
    PARLEY_CHECK(write_private_file(folder + "/" + kManifestFile, encode(manifest)));
    if (::rename(folder.c_str(), to.c_str()) != 0) {
        return unexpected(file_error("cannot be made", to));
    }
    unfinished.keep();
    PARLEY_CHECK(flush(parent));
    return manifest;
}

Result<Manifest> read_manifest(const std::string& backup) {
    const std::string file = without_slashes(backup) + "/" + kManifestFile;
    auto text = read_file(file, kLongestManifest);
    if (!text) {
        return unexpected(failed(text.error().description, "this is no whole backup of parleyd"));
    }
    auto manifest = decode_manifest(*text);
    if (!manifest) {
        return unexpected(failed(file, manifest.error().description));
    }
    return manifest;
}

void check_backup(const std::string& backup, const Manifest& manifest,
                  const BackupFinding& finding) {
    for (const Manifest::File& file : manifest.files) {
        const std::string path = without_slashes(backup) + "/" + file.path;
        const auto found = describe_file(without_slashes(backup), file.path);
        if (!found) {
            finding(path, "cannot be read, or is missing");
        } else if (found->size != file.size) {
            finding(path, "has " + std::to_string(found->size) + " bytes; the manifest says " +
                              std::to_string(file.size));
        } else if (found->sha256 != file.sha256) {
            finding(path, "is not what was backed up: its SHA-256 is another");
        }
    }
}

Result<Manifest> restore_backup(const std::string& given, const std::string& data) {
    const std::string backup = without_slashes(given);
    PARLEY_TRY(Manifest manifest, read_manifest(backup));
    std::optional<Error> wrong;
    check_backup(backup, manifest, [&](const std::string& file, const std::string& what) {
        wrong = wrong.value_or(failed(file, what + "; this backup cannot be restored"));
    });
    if (wrong) {
        return unexpected(std::move(*wrong));
    }
    const Heir heir(without_slashes(data));
    // Held until all is in its place; a running server holds it too.
    PARLEY_TRY(const auto held, DataFolder::open(data));
    PARLEY_CHECK(heir.give_folders());
    PARLEY_CHECK(heir.give(DataFolder::lock_in(without_slashes(data))));
    PARLEY_CHECK(check_empty(data));
    Unfinished unfinished(DataFolder::unfinished_restore_in(without_slashes(data)));
    const std::string& folder = unfinished.path();
    if (::mkdir(folder.c_str(), 0700) != 0) {
        return unexpected(file_error("cannot be made", folder));
    }
    for (const Manifest::File& file : manifest.files) {
        PARLEY_CHECK(copy_private_file(backup + "/" + file.path, folder + "/" + file.path));
    }
    PARLEY_CHECK(close_folders(folder));
    PARLEY_CHECK(heir.give_all_in(folder));
    PARLEY_CHECK(flush_all(folder));
    std::error_code failure;
    // While the unfinished folder is there no server starts here.
    std::vector<fs::path> parts;
    for (fs::directory_iterator at(folder, failure), end; !failure && at != end;
         at.increment(failure)) {
        parts.push_back(at->path());
    }
    for (const fs::path& part : parts) {
        const std::string to = without_slashes(data) + "/" + part.filename().string();
        if (::rename(part.c_str(), to.c_str()) != 0) {
            return unexpected(file_error("cannot be made", to));
        }
    }
    PARLEY_CHECK(flush(data));
    fs::remove(folder, failure);
    unfinished.keep();
    PARLEY_CHECK(flush(data));
    return manifest;
}

}  // namespace parley::parleyd
