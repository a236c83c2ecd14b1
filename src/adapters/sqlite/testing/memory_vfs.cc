#include "adapters/sqlite/testing/memory_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace parley::sqlite {
namespace {

// SQLite allocates szOsFile bytes and gives them to xOpen.
struct Handle {
    sqlite3_file base;
    MemoryVfs* vfs;
    std::shared_ptr<MemoryVfs::File>* file;
    int lock;
};

Handle& handle(sqlite3_file* file) {
    return *reinterpret_cast<Handle*>(file);
}
MemoryVfs::File& content(sqlite3_file* file) {
    return **handle(file).file;
}

int io_unlock(sqlite3_file* file, int level) {
    Handle& self = handle(file);
    MemoryVfs::File& shared = content(file);
    if (self.lock >= SQLITE_LOCK_EXCLUSIVE && level < SQLITE_LOCK_EXCLUSIVE) {
        shared.exclusive = false;
    }
    if (self.lock >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED) {
        --shared.shared;
    }
    self.lock = level;
    return SQLITE_OK;
}

int io_close(sqlite3_file* file) {
    io_unlock(file, SQLITE_LOCK_NONE);
    delete handle(file).file;
    handle(file).file = nullptr;
    return SQLITE_OK;
}

int io_read(sqlite3_file* file, void* to, int count, sqlite3_int64 offset) {
    const std::string& data = content(file).data;
    const auto begin = static_cast<std::size_t>(offset);
    const auto wanted = static_cast<std::size_t>(count);
    const std::size_t found = begin < data.size() ? std::min(wanted, data.size() - begin) : 0;
    std::memcpy(to, data.data() + (found != 0 ? begin : 0), found);
    std::memset(static_cast<char*>(to) + found, 0, wanted - found);
    return found == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int io_write(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
    Handle& self = handle(file);
    if (const int code = self.vfs->account(); code != 0) {
        return code;
    }
    std::string& data = content(file).data;
    const std::size_t end = static_cast<std::size_t>(offset) + static_cast<std::size_t>(count);
    if (end > data.size()) {
        if (const int code = self.vfs->grow(end - data.size()); code != 0) {
            return code;
        }
        data.resize(end);
    }
    std::memcpy(data.data() + offset, from, static_cast<std::size_t>(count));
    return SQLITE_OK;
}

int io_truncate(sqlite3_file* file, sqlite3_int64 size) {
    if (const int code = handle(file).vfs->account(); code != 0) {
        return code;
    }
    content(file).data.resize(static_cast<std::size_t>(size));
    return SQLITE_OK;
}

int io_sync(sqlite3_file* file, int) {
    Handle& self = handle(file);
    if (const int code = self.vfs->account(); code != 0) {
        return code;
    }
    self.vfs->count_sync();
    if (!self.vfs->dropping()) {
        content(file).durable = content(file).data;
    }
    return SQLITE_OK;
}

int io_size(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(content(file).data.size());
    return SQLITE_OK;
}

int io_lock(sqlite3_file* file, int level) {
    Handle& self = handle(file);
    MemoryVfs::File& shared = content(file);
    if (level <= self.lock) {
        return SQLITE_OK;
    }
    const int others = shared.shared - (self.lock >= SQLITE_LOCK_SHARED ? 1 : 0);
    if (shared.exclusive || (level >= SQLITE_LOCK_EXCLUSIVE && others > 0)) {
        return SQLITE_BUSY;
    }
    shared.shared += self.lock < SQLITE_LOCK_SHARED ? 1 : 0;
    shared.exclusive = level >= SQLITE_LOCK_EXCLUSIVE;
    self.lock = level;
    return SQLITE_OK;
}

int io_reserved(sqlite3_file* file, int* taken) {
    *taken = content(file).exclusive ? 1 : 0;
    return SQLITE_OK;
}

int io_control(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}
int io_sector(sqlite3_file*) {
    return 4096;
}
int io_traits(sqlite3_file*) {
    return 0;
}

// Version 1 has no shared memory: a store must do without.
const sqlite3_io_methods kMethods = {
    1,       io_close,  io_read,     io_write,   io_truncate, io_sync,   io_size,
    io_lock, io_unlock, io_reserved, io_control, io_sector,   io_traits, nullptr,
    nullptr, nullptr,   nullptr,     nullptr,    nullptr,
};

MemoryVfs& owner(sqlite3_vfs* vfs) {
    return *static_cast<MemoryVfs*>(vfs->pAppData);
}

int vfs_open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    Handle& self = handle(file);
    self.base.pMethods = nullptr;
    auto found = owner(vfs).open(path != nullptr ? path : "", (flags & SQLITE_OPEN_CREATE) != 0);
    if (found == nullptr) {
        return SQLITE_CANTOPEN;
    }
    self.vfs = &owner(vfs);
    self.file = new std::shared_ptr<MemoryVfs::File>(std::move(found));
    self.lock = SQLITE_LOCK_NONE;
    self.base.pMethods = &kMethods;
    if (out_flags != nullptr) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

int vfs_delete(sqlite3_vfs* vfs, const char* path, int) {
    return owner(vfs).remove(path) ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

int vfs_access(sqlite3_vfs* vfs, const char* path, int, int* result) {
    *result = owner(vfs).exists(path) ? 1 : 0;
    return SQLITE_OK;
}

int vfs_path(sqlite3_vfs*, const char* path, int size, char* out) {
    if (std::strlen(path) >= static_cast<std::size_t>(size)) {
        return SQLITE_CANTOPEN;
    }
    std::strcpy(out, path);
    return SQLITE_OK;
}

int vfs_random(sqlite3_vfs*, int count, char* out) {
    for (int i = 0; i < count; ++i) {
        out[i] = static_cast<char>(i * 7 + 1);
    }
    return count;
}

int vfs_sleep(sqlite3_vfs*, int microseconds) {
    return microseconds;
}

int vfs_time(sqlite3_vfs*, double* days) {
    *days = 2460676.5;
    return SQLITE_OK;
}

int vfs_error(sqlite3_vfs*, int, char*) {
    return 0;
}

}  // namespace

struct MemoryVfs::Registration {
    sqlite3_vfs vfs{};
};

MemoryVfs::MemoryVfs(std::string name)
    : name_(std::move(name)), registration_(std::make_unique<Registration>()) {
    sqlite3_vfs& vfs = registration_->vfs;
    vfs.iVersion = 1;
    vfs.szOsFile = sizeof(Handle);
    vfs.mxPathname = 512;
    vfs.zName = name_.c_str();
    vfs.pAppData = this;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    vfs.xFullPathname = vfs_path;
    vfs.xRandomness = vfs_random;
    vfs.xSleep = vfs_sleep;
    vfs.xCurrentTime = vfs_time;
    vfs.xGetLastError = vfs_error;
    sqlite3_vfs_register(&vfs, 0);
}

MemoryVfs::~MemoryVfs() {
    sqlite3_vfs_unregister(&registration_->vfs);
}

void MemoryVfs::lose_power() {
    // Handles that are still open keep the old files.
    std::map<std::string, std::shared_ptr<File>> after;
    for (const auto& [path, file] : files_) {
        after[path] = std::make_shared<File>(File{file->durable, file->durable, 0, false});
    }
    files_ = std::move(after);
    dropping_ = false;
}

void MemoryVfs::fail_at(std::uint64_t nth, int code, bool lasting) {
    fail_at_ = nth == 0 ? 0 : operations_ + nth;
    fail_code_ = code;
    lasting_ = lasting;
}

std::size_t MemoryVfs::bytes() const {
    std::size_t sum = 0;
    for (const auto& [path, file] : files_) {
        sum += file->data.size();
    }
    return sum;
}

void MemoryVfs::put(const std::string& path, std::string content) {
    files_[path] = std::make_shared<File>(File{content, content, 0, false});
}

std::string MemoryVfs::content(const std::string& path) const {
    const auto found = files_.find(path);
    return found != files_.end() ? found->second->data : std::string();
}

std::shared_ptr<MemoryVfs::File> MemoryVfs::open(const std::string& path, bool create) {
    const auto found = files_.find(path);
    if (found != files_.end()) {
        return found->second;
    }
    if (!create) {
        return nullptr;
    }
    auto file = std::make_shared<File>();
    // A name is as durable as the file's first sync: simple, and no rosier than a folder that was
    // synced.
    files_[path] = file;
    return file;
}

bool MemoryVfs::remove(const std::string& path) {
    return dropping_ ? files_.contains(path) : files_.erase(path) > 0;
}

int MemoryVfs::account() {
    ++operations_;
    if (fail_at_ == 0 || operations_ < fail_at_ || (operations_ > fail_at_ && !lasting_)) {
        return 0;
    }
    return fail_code_;
}

int MemoryVfs::grow(std::size_t more) const {
    return capacity_ != 0 && bytes() + more > capacity_ ? SQLITE_FULL : 0;
}

}  // namespace parley::sqlite
