#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace parley::sqlite {

// A disk in memory for SQLite, for tests: it knows what was synced, can lose power, run full, and
// fail its n-th operation. Registered under its name while it lives; databases on it are closed
// before it goes. One thread.
class MemoryVfs {
  public:
    explicit MemoryVfs(std::string name);
    ~MemoryVfs();
    MemoryVfs(const MemoryVfs&) = delete;
    MemoryVfs& operator=(const MemoryVfs&) = delete;

    const std::string& name() const { return name_; }

    // What was not synced is gone. Databases that are open meanwhile are of the world before: close
    // them first, or drop_writes() before.
    void lose_power();
    // An empty disk again.
    void forget() { files_.clear(); }
    // From now on nothing reaches the disk, though every call succeeds: a process that is dead but
    // does not know it.
    void drop_writes(bool drop) { dropping_ = drop; }
    // The n-th write, sync or truncate from now on (1: the next) fails with this SQLite code, and
    // those after it as long as `lasting`. 0: none.
    void fail_at(std::uint64_t nth, int code, bool lasting = false);
    // Bytes of all files; a write beyond fails with SQLITE_FULL. 0: no bound.
    void set_capacity(std::size_t bytes) { capacity_ = bytes; }

    std::uint64_t syncs() const { return syncs_; }
    std::uint64_t operations() const { return operations_; }
    std::size_t bytes() const;
    bool exists(const std::string& path) const { return files_.contains(path); }
    // Puts a file there, as if it had been for long.
    void put(const std::string& path, std::string content);
    std::string content(const std::string& path) const;

    struct File {
        std::string data;
        std::string durable;
        int shared = 0;  // handles that hold at least a shared lock
        bool exclusive = false;
    };
    // For the SQLite side.
    std::shared_ptr<File> open(const std::string& path, bool create);
    bool remove(const std::string& path);
    // The code that this write, sync or truncate fails with; 0: go on.
    int account();
    int grow(std::size_t more) const;
    bool dropping() const { return dropping_; }
    void count_sync() { ++syncs_; }

  private:
    struct Registration;
    std::string name_;
    std::unique_ptr<Registration> registration_;
    std::map<std::string, std::shared_ptr<File>> files_;
    std::size_t capacity_ = 0;
    std::uint64_t syncs_ = 0;
    std::uint64_t operations_ = 0;
    std::uint64_t fail_at_ = 0;
    int fail_code_ = 0;
    bool lasting_ = false;
    bool dropping_ = false;
};

}  // namespace parley::sqlite
