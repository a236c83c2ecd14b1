#include "application_files.h"

#include "application_file.h"
#include "base/try.h"
#include "data_folder.h"
#include "files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace parley::parleyd {
namespace {

constexpr std::string_view kSuffix = ".json";

// Sorted, so that the same mistake is always named first.
Result<std::vector<std::string>> files_in(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code failure;
    std::filesystem::directory_iterator entries(folder, failure);
    if (failure == std::errc::no_such_file_or_directory) {
        return files;
    }
    for (; !failure && entries != std::filesystem::directory_iterator();
         entries.increment(failure)) {
        // Others are not ours: what an interrupted write left, or an editor.
        if (const std::string name = entries->path().filename().string();
            name.ends_with(kSuffix) && !name.starts_with('.')) {
            files.push_back(folder + "/" + name);
        }
    }
    if (failure) {
        return unexpected(make_error(ErrorCode::invalid_argument,
                                     folder + ": cannot be read: " + failure.message()));
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

ApplicationFiles::ApplicationFiles(std::string folder, std::string issuer_prefix,
                                   io::Entropy& entropy)
    : folder_(std::move(folder)), issuer_prefix_(std::move(issuer_prefix)), entropy_(entropy) {}

Result<void> ApplicationFiles::reload() {
    PARLEY_TRY(entries_, read());
    return {};
}

Result<ApplicationFiles::Entries> ApplicationFiles::read() const {
    Entries entries;
    PARLEY_CHECK(read_first(entries));
    PARLEY_CHECK(read_further(entries));
    return entries;
}

Result<void> ApplicationFiles::check() const {
    Entries entries;
    if (::access(DataFolder::application_file_in(folder_).c_str(), F_OK) == 0 || errno != ENOENT) {
        PARLEY_CHECK(read_first(entries));
    }
    return read_further(entries);
}

Result<void> ApplicationFiles::read_first(Entries& entries) const {
    const std::string first = DataFolder::application_file_in(folder_);
    PARLEY_TRY(auto read, read_application(first, issuer_prefix_));
    const ApplicationKey key = read.key;
    entries.emplace(key, Entry{std::move(read), first, true});
    return {};
}

Result<void> ApplicationFiles::read_further(Entries& entries) const {
    PARLEY_TRY(const auto files, files_in(DataFolder::applications_in(folder_)));
    for (const std::string& file : files) {
        PARLEY_TRY(auto read, read_application(file, issuer_prefix_));
        const ApplicationKey key = read.key;
        if (std::filesystem::path(file).stem().string() != key.value()) {
            return unexpected(make_error(ErrorCode::invalid_argument,
                                         file + ": is of the application " + key.value() +
                                             "; name it " + key.value() + std::string(kSuffix)));
        }
        if (!entries.emplace(key, Entry{std::move(read), file, false}).second) {
            return unexpected(make_error(ErrorCode::invalid_argument,
                                         file + ": is of the same application as " +
                                             DataFolder::application_file_in(folder_) +
                                             "; remove one of the two"));
        }
    }
    return {};
}

std::vector<ApplicationFiles::Entry> ApplicationFiles::entries() const {
    std::vector<Entry> entries;
    for (const bool is_first : {true, false}) {
        for (const auto& [key, entry] : entries_) {
            if (entry.is_first == is_first) {
                entries.push_back(entry);
            }
        }
    }
    return entries;
}

const ApplicationFiles::Entry* ApplicationFiles::find(const ApplicationKey& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
}

std::vector<server::Application> ApplicationFiles::applications() const {
    std::vector<server::Application> applications;
    for (const auto& [key, entry] : entries_) {
        applications.push_back(entry.application);
    }
    return applications;
}

Result<ApplicationFiles::Entry> ApplicationFiles::create(std::optional<std::string> key) {
    const std::string name = key ? *key : make_application_key(entropy_);
    if (!is_application_key(name)) {
        return unexpected(make_error(ErrorCode::invalid_argument,
                                     "an application key is made of 1 to 64 letters, digits, - "
                                     "and _"));
    }
    if (find(ApplicationKey(name)) != nullptr) {
        return unexpected(make_error(ErrorCode::invalid_argument,
                                     "there is an application " + name + " already"));
    }
    const std::string folder = DataFolder::applications_in(folder_);
    const std::string file = folder + "/" + name + std::string(kSuffix);
    // Whoever put it there may have signed tokens with its secret already.
    std::error_code failure;
    if (std::filesystem::exists(std::filesystem::symlink_status(file, failure))) {
        return unexpected(make_error(ErrorCode::invalid_argument,
                                     file + ": is there and not loaded; send SIGHUP to load it, or "
                                            "choose another key"));
    }
    PARLEY_CHECK(make_private_folder(folder));
    // A power loss must not take the folder away from the file that is flushed into it.
    PARLEY_CHECK(flush_folder_of(folder));
    return write({{ApplicationKey(name), {make_application_secret(entropy_)}}, file, false});
}

Result<ApplicationFiles::Entry> ApplicationFiles::rotate(const ApplicationKey& key) {
    PARLEY_TRY(Entry entry, read_again(key));
    entry.application.secrets.insert(entry.application.secrets.begin(),
                                     make_application_secret(entropy_));
    entry.application.secrets.resize(2);
    return write(std::move(entry));
}

Result<ApplicationFiles::Entry> ApplicationFiles::drop_previous(const ApplicationKey& key) {
    PARLEY_TRY(Entry entry, read_again(key));
    entry.application.secrets.resize(1);
    return write(std::move(entry));
}

Result<void> ApplicationFiles::remove(const ApplicationKey& key) {
    ++changes_;
    PARLEY_CHECK(remove_file(entries_.at(key).file));
    entries_.erase(key);
    return {};
}

Result<ApplicationFiles::Entry> ApplicationFiles::read_again(const ApplicationKey& key) const {
    Entry entry = entries_.at(key);
    PARLEY_TRY(entry.application, read_application(entry.file, issuer_prefix_));
    if (entry.application.key != key) {
        return unexpected(make_error(ErrorCode::invalid_argument,
                                     entry.file + ": is of the application " +
                                         entry.application.key.value() + " now; send SIGHUP"));
    }
    return entry;
}

Result<ApplicationFiles::Entry> ApplicationFiles::write(Entry entry) {
    ++changes_;
    PARLEY_CHECK(write_application(entry.file, issuer_prefix_, entry.application));
    return entries_.insert_or_assign(entry.application.key, std::move(entry)).first->second;
}

}  // namespace parley::parleyd
