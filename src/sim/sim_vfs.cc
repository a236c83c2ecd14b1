#include "sim/sim_vfs.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace parley::sim {
namespace {

constexpr std::size_t kSector = 512;

}  // namespace

// What SQLite calls, as C functions. A file handle of SQLite's is this:
struct VfsCalls {
    struct Handle {
        sqlite3_file base;
        SimVfs* vfs;
        std::shared_ptr<SimFile>* file;
        std::string* delete_on_close;
    };
    static Handle& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
    static SimVfs& of(sqlite3_vfs* vfs) { return *static_cast<SimVfs*>(vfs->pAppData); }

    static int close(sqlite3_file* file) {
        Handle& handle = of(file);
        if (handle.delete_on_close != nullptr) {
            handle.vfs->files_.erase(*handle.delete_on_close);
        }
        delete handle.file;
        delete handle.delete_on_close;
        return SQLITE_OK;
    }
    static int read(sqlite3_file* file, void* to, int count, sqlite3_int64 offset) {
        const Bytes& content = (*of(file).file)->content;
        const auto from = static_cast<std::size_t>(offset);
        const std::size_t there =
            from < content.size()
                ? std::min<std::size_t>(content.size() - from, static_cast<std::size_t>(count))
                : 0;
        std::memcpy(to, content.data() + (there > 0 ? from : 0), there);
        if (there == static_cast<std::size_t>(count)) {
            return SQLITE_OK;
        }
        std::memset(static_cast<char*>(to) + there, 0, static_cast<std::size_t>(count) - there);
        return SQLITE_IOERR_SHORT_READ;
    }
    static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
        Handle& handle = of(file);
        SimVfs& vfs = *handle.vfs;
        SimFile& target = **handle.file;
        if (vfs.operation() != SQLITE_OK) {
            return SQLITE_IOERR_WRITE;
        }
        const auto from = static_cast<std::size_t>(offset);
        const auto size = static_cast<std::size_t>(count);
        const std::size_t grows =
            from + size > target.content.size() ? from + size - target.content.size() : 0;
        if (grows > 0 && vfs.capacity_ != SIZE_MAX && vfs.bytes_used() + grows > vfs.capacity_) {
            return SQLITE_FULL;
        }
        vfs.write(target, from, {static_cast<const char*>(bytes), size});
        return SQLITE_OK;
    }
    static int truncate(sqlite3_file* file, sqlite3_int64 size) {
        Handle& handle = of(file);
        if (handle.vfs->operation() != SQLITE_OK) {
            return SQLITE_IOERR_TRUNCATE;
        }
        SimFile& target = **handle.file;
        const auto length = static_cast<std::size_t>(size);
        if (length < target.content.size()) {
            handle.vfs->remember(target, length, target.content.size());
            target.content.resize(length);
        }
        return SQLITE_OK;
    }
    static int sync(sqlite3_file* file, int) {
        Handle& handle = of(file);
        if (handle.vfs->operation() != SQLITE_OK) {
            return SQLITE_IOERR_FSYNC;
        }
        SimFile& target = **handle.file;
        target.unsynced.clear();
        target.synced_size = target.content.size();
        target.ever_synced = true;
        ++handle.vfs->syncs_;
        return SQLITE_OK;
    }
    static int file_size(sqlite3_file* file, sqlite3_int64* size) {
        *size = static_cast<sqlite3_int64>((*of(file).file)->content.size());
        return SQLITE_OK;
    }
    static int lock(sqlite3_file*, int) { return SQLITE_OK; }
    static int check_reserved(sqlite3_file*, int* reserved) {
        *reserved = 0;
        return SQLITE_OK;
    }
    static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
    static int sector_size(sqlite3_file*) { return static_cast<int>(kSector); }
    // A sector is written whole or not at all, and its neighbours are never touched.
    static int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

    static int open(sqlite3_vfs* self, sqlite3_filename name, sqlite3_file* file, int flags,
                    int* out_flags) {
        static const sqlite3_io_methods kMethods = {
            1, close, read, write, truncate, sync, file_size, lock, lock, check_reserved, control,
            sector_size, characteristics,
            // Version 1: no shared memory, so that WAL works with locking_mode=EXCLUSIVE alone.
            nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
        SimVfs& vfs = of(self);
        file->pMethods = nullptr;
        const std::string path =
            name != nullptr ? std::string(name) : fmt::format("temporary-{}", ++vfs.temporary_);
        auto found = vfs.files_.find(path);
        if (found == vfs.files_.end()) {
            if ((flags & SQLITE_OPEN_CREATE) == 0) {
                return SQLITE_CANTOPEN;
            }
            found = vfs.files_.emplace(path, std::make_shared<SimFile>()).first;
        }
        Handle& handle = of(file);
        handle.vfs = &vfs;
        handle.file = new std::shared_ptr<SimFile>(found->second);
        handle.delete_on_close =
            (flags & SQLITE_OPEN_DELETEONCLOSE) != 0 ? new std::string(path) : nullptr;
        handle.base.pMethods = &kMethods;
        if (out_flags != nullptr) {
            *out_flags = flags;
        }
        return SQLITE_OK;
    }
    static int remove(sqlite3_vfs* self, const char* name, int) {
        SimVfs& vfs = of(self);
        if (vfs.operation() != SQLITE_OK) {
            return SQLITE_IOERR_DELETE;
        }
        return vfs.files_.erase(name) > 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
    }
    static int access(sqlite3_vfs* self, const char* name, int, int* result) {
        *result = of(self).files_.contains(name) ? 1 : 0;
        return SQLITE_OK;
    }
    static int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
        return sqlite3_snprintf(size, out, "%s", name) != nullptr ? SQLITE_OK : SQLITE_CANTOPEN;
    }
    static int randomness(sqlite3_vfs* self, int count, char* out) {
        for (int i = 0; i < count; ++i) {
            out[i] = static_cast<char>(of(self).random_.next());
        }
        return count;
    }
    static int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
    static int current_time_ms(sqlite3_vfs* self, sqlite3_int64* now) {
        constexpr sqlite3_int64 kUnixEpochMs =
            210'866'760'000'000;  // in SQLite's Julian milliseconds
        *now = kUnixEpochMs + to_ms(of(self).clock_.now());
        return SQLITE_OK;
    }
    static int current_time(sqlite3_vfs* self, double* now) {
        sqlite3_int64 ms = 0;
        current_time_ms(self, &ms);
        *now = static_cast<double>(ms) / 86'400'000.0;
        return SQLITE_OK;
    }
    static int last_error(sqlite3_vfs*, int, char*) { return 0; }

    static sqlite3_vfs describe(const char* name, void* self) {
        sqlite3_vfs vfs{};
        vfs.iVersion = 2;
        vfs.szOsFile = sizeof(Handle);
        vfs.mxPathname = 512;
        vfs.zName = name;
        vfs.pAppData = self;
        vfs.xOpen = open;
        vfs.xDelete = remove;
        vfs.xAccess = access;
        vfs.xFullPathname = full_path;
        vfs.xRandomness = randomness;
        vfs.xSleep = sleep;
        vfs.xCurrentTime = current_time;
        vfs.xGetLastError = last_error;
        vfs.xCurrentTimeInt64 = current_time_ms;
        return vfs;
    }
};

struct SimVfs::Registration {
    sqlite3_vfs vfs;
};

SimVfs::SimVfs(std::string name, std::uint64_t seed, const io::WallClock& clock)
    : name_(std::move(name)),
      random_(seed),
      clock_(clock),
      registration_(std::make_unique<Registration>()) {
    registration_->vfs = VfsCalls::describe(name_.c_str(), this);
    sqlite3_vfs_register(&registration_->vfs, 0);
}

SimVfs::~SimVfs() {
    sqlite3_vfs_unregister(&registration_->vfs);
}

int SimVfs::operation() {
    ++operations_;
    if (interrupt_at_ != 0 && operations_ >= interrupt_at_) {
        interrupt_at_ = 0;
        const auto then = std::exchange(interrupt_, nullptr);
        then();
    }
    return fail_at_ != 0 && operations_ >= fail_at_ ? SQLITE_IOERR : SQLITE_OK;
}

void SimVfs::interrupt_after(std::uint64_t operations, std::function<void()> then) {
    interrupt_at_ = operations_ + operations;
    interrupt_ = std::move(then);
}

// Keeps the bytes of the last sync for the sectors of [from, to), where they are not kept yet.
void SimVfs::remember(SimFile& file, std::size_t from, std::size_t to) {
    const std::size_t end = std::min(to, file.synced_size);
    for (std::size_t sector = from / kSector; sector * kSector < end; ++sector) {
        const std::size_t start = sector * kSector;
        if (!file.unsynced.contains(sector)) {
            // Bytes beyond the present end were cut off since, and remembered then.
            file.unsynced.emplace(sector, start < file.content.size()
                                              ? file.content.substr(start, kSector)
                                              : Bytes());
        }
    }
}

void SimVfs::write(SimFile& file, std::size_t offset, std::string_view bytes) {
    remember(file, offset, offset + bytes.size());
    if (file.content.size() < offset + bytes.size()) {
        for (std::size_t sector = std::max(file.content.size(), file.synced_size) / kSector;
             sector * kSector < offset + bytes.size(); ++sector) {
            file.unsynced.try_emplace(sector);  // New: at the last sync there was nothing.
        }
        file.content.resize(offset + bytes.size());
    }
    std::memcpy(file.content.data() + offset, bytes.data(), bytes.size());
}

void SimVfs::lose_unsynced(SimFile& file) {
    // The size is one that the file had, or something between.
    const std::size_t least = std::min(file.synced_size, file.content.size());
    const std::size_t most = std::max(file.synced_size, file.content.size());
    std::size_t size = file.content.size();
    switch (random_.below(3)) {
        case 0:
            size = file.synced_size;
            break;
        case 1:
            size = least + random_.below(most - least + 1);
            break;
        default:
            break;
    }
    Bytes survivor = file.content;
    survivor.resize(most);
    for (const auto& [sector, before] : file.unsynced) {
        const bool beyond_content = sector * kSector >= file.content.size();
        if (beyond_content || random_.chance(0.5)) {
            const std::size_t start = sector * kSector;
            const std::size_t length = std::min(kSector, most - std::min(most, start));
            Bytes old = before;
            old.resize(kSector);
            survivor.replace(start, length, old, 0, length);
        }
    }
    survivor.resize(std::max(size, least));
    file.content = std::move(survivor);
    file.unsynced.clear();
    file.synced_size = file.content.size();
}

void SimVfs::stop(PowerLoss how) {
    if (stopped()) {
        return;
    }
    survivors_ = std::make_unique<Files>();
    for (const auto& [path, file] : files_) {
        if (how == PowerLoss::machine && !file->ever_synced && random_.chance(0.5)) {
            continue;  // Its name was not synced either.
        }
        const auto copy = std::make_shared<SimFile>(*file);
        if (how == PowerLoss::machine) {
            lose_unsynced(*copy);
        }
        survivors_->emplace(path, copy);
    }
    interrupt_at_ = 0;
    interrupt_ = nullptr;
}

void SimVfs::revive() {
    if (stopped()) {
        files_ = std::move(*survivors_);
        survivors_.reset();
    }
}

std::string SimVfs::unsynced() const {
    std::string names;
    for (const auto& [path, file] : files_) {
        if (file->dirty()) {
            names += (names.empty() ? "" : " ") + path;
        }
    }
    return names;
}

void SimVfs::copy_synced(const SimVfs& other) {
    files_.clear();
    for (const auto& [path, file] : other.files_) {
        if (!file->ever_synced) {
            continue;
        }
        const auto copy = std::make_shared<SimFile>(*file);
        copy->content.resize(std::max(copy->content.size(), copy->synced_size));
        for (const auto& [sector, before] : copy->unsynced) {
            const std::size_t start = sector * kSector;
            if (start < copy->content.size()) {
                Bytes old = before;
                old.resize(kSector);
                copy->content.replace(start, std::min(kSector, copy->content.size() - start), old,
                                      0, std::min(kSector, copy->content.size() - start));
            }
        }
        copy->content.resize(copy->synced_size);
        copy->unsynced.clear();
        files_.emplace(path, copy);
    }
}

std::size_t SimVfs::bytes_used() const {
    std::size_t bytes = 0;
    for (const auto& [path, file] : files_) {
        bytes += file->content.size();
    }
    return bytes;
}

namespace {

struct SeedSource {
    Random random{0};
    sqlite3_vfs vfs{};
};

}  // namespace

void SimVfs::seed_sqlite(std::uint64_t seed) {
    // SQLite takes its seed from the default VFS when its generator was reset: for that moment ours
    // is the default.
    SeedSource source;
    source.random = Random(seed);
    sqlite3_initialize();
    sqlite3_vfs* const before = sqlite3_vfs_find(nullptr);
    source.vfs = *before;
    source.vfs.zName = "parley-sim-seed";
    source.vfs.pNext = nullptr;
    source.vfs.pAppData = &source.random;
    source.vfs.xRandomness = [](sqlite3_vfs* self, int count, char* out) {
        auto& random = *static_cast<Random*>(self->pAppData);
        for (int i = 0; i < count; ++i) {
            out[i] = static_cast<char>(random.next());
        }
        return count;
    };
    sqlite3_vfs_register(&source.vfs, 1);
    sqlite3_randomness(0, nullptr);
    char byte = 0;
    sqlite3_randomness(1, &byte);
    sqlite3_vfs_unregister(&source.vfs);
    sqlite3_vfs_register(before, 1);
}

}  // namespace parley::sim
