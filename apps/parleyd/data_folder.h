#pragma once

#include "parley/result.h"

#include <memory>
#include <string>

namespace parley::parleyd {

// The folder of everything that a server keeps, held by this process alone while the object lives.
//
//   application.json   key and secret of the application (mode 0600)
//   applications/      the same of further applications
//   control.sock       administration
//   store/             the mailboxes, the engine's own
//   restore.partial/   what a restore that was interrupted leaves: nothing else is to be done here
//   LOCK               held while a server runs; names its process
class DataFolder {
  public:
    static std::string application_file_in(const std::string& path) {
        return path + "/application.json";
    }
    static std::string applications_in(const std::string& path) { return path + "/applications"; }
    // What a restore that was interrupted leaves.
    static std::string unfinished_restore_in(const std::string& path) {
        return path + "/restore.partial";
    }
    static std::string control_socket_in(const std::string& path) { return path + "/control.sock"; }

    // Makes the folder (mode 0700) where there is none, and locks it. Errors: store_in_use, with
    // the process that has it if that is known; store_failed otherwise.
    static Result<std::unique_ptr<DataFolder>> open(const std::string& path);
    // Locks it and writes nothing there, as suits a disk that only reads: where there is no LOCK no
    // server ever was, and nothing is locked. The same errors.
    static Result<std::unique_ptr<DataFolder>> open_to_read(const std::string& path);
    // An error if a restore was interrupted there.
    static Result<void> check_restored(const std::string& path);
    // An error if it is a backup.
    static Result<void> check_no_backup(const std::string& path);
    static std::string lock_in(const std::string& path) { return path + "/LOCK"; }
    DataFolder(const DataFolder&) = delete;
    DataFolder& operator=(const DataFolder&) = delete;
    ~DataFolder();

    const std::string& path() const { return path_; }
    std::string application_file() const { return application_file_in(path_); }
    std::string control_socket() const { return control_socket_in(path_); }
    static std::string store_in(const std::string& path) { return path + "/store"; }
    std::string store() const { return store_in(path_); }
    // Whether an engine's files are in it.
    bool has_store() const;
    // Whether those have an epoch (R19), which a restored copy has not.
    bool has_epoch() const;

  private:
    DataFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

    const std::string path_;
    const int lock_;  // -1: none
};

}  // namespace parley::parleyd
