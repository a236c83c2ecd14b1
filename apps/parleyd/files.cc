#include "files.h"

#include "base/try.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace parley::parleyd {
namespace {

// Closes the descriptor at the end of its scope.
class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    explicit operator bool() const { return number_ >= 0; }
    int number() const { return number_; }

  private:
    int number_;
};

bool write_all(int descriptor, std::string_view content) {
    while (!content.empty()) {
        const ssize_t count = ::write(descriptor, content.data(), content.size());
        if (count < 0 && errno != EINTR) {
            return false;
        }
        content.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace

Result<void> flush_folder_of(const std::string& path) {
    std::string folder = std::filesystem::path(path).parent_path().string();
    if (folder.empty()) {
        folder = ".";
    }
    const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!descriptor || ::fsync(descriptor.number()) != 0) {
        return unexpected(file_error("cannot flush the folder", folder));
    }
    return {};
}

Error file_error(std::string_view what, const std::string& path) {
    const int reason = errno;
    return make_error(ErrorCode::invalid_argument,
                      path + ": " + std::string(what) + ": " + std::strerror(reason));
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!descriptor) {
        return unexpected(file_error("cannot be read", path));
    }
    std::string content;
    char block[16 * 1024];
    for (;;) {
        const ssize_t count = ::read(descriptor.number(), block, sizeof block);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return unexpected(file_error("cannot be read", path));
        }
        if (count == 0) {
            return content;
        }
        content.append(block, static_cast<std::size_t>(count));
        if (content.size() > limit) {
            return unexpected(make_error(ErrorCode::invalid_argument,
                                         path + ": is longer than the " + std::to_string(limit) +
                                             " bytes that it may have"));
        }
    }
}

Result<void> write_private_file(const std::string& path, std::string_view content) {
    const std::string temporary = path + ".new";
    // What an interrupted start may have left; its mode is not to be trusted.
    ::unlink(temporary.c_str());
    {
        const Descriptor descriptor(
            ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!descriptor || ::fchmod(descriptor.number(), 0600) != 0 ||
            !write_all(descriptor.number(), content) || ::fsync(descriptor.number()) != 0) {
            return unexpected(file_error("cannot be written", temporary));
        }
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        return unexpected(file_error("cannot be written", path));
    }
    return flush_folder_of(path);
}

Result<void> remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0) {
        return unexpected(file_error("cannot be removed", path));
    }
    return flush_folder_of(path);
}

Result<void> make_private_folder(const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
        return {};
    }
    const auto parent = std::filesystem::path(path).parent_path();
    bool made = ::mkdir(path.c_str(), 0700) == 0;
    if (!made && errno == ENOENT && !parent.empty() && parent != path) {
        PARLEY_CHECK(make_private_folder(parent.string()));
        made = ::mkdir(path.c_str(), 0700) == 0;
    }
    if (!made && errno != EEXIST) {
        return unexpected(file_error("the folder cannot be made", path));
    }
    if (!std::filesystem::is_directory(path, ignored)) {
        return unexpected(make_error(ErrorCode::invalid_argument,
                                     path + ": is no folder; --data names the data folder"));
    }
    return flush_folder_of(path);
}

}  // namespace parley::parleyd
