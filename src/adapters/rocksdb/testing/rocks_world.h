#pragma once

#include "adapters/rocksdb/rocks_table.h"
#include "adapters/rocksdb/testing/hand_loop.h"
#include "adapters/rocksdb/testing/recording_log.h"
#include "adapters/rocksdb/testing/temporary_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace parley::rocksdb {

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
inline void write_file(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// A table in a folder of its own, and copies of that folder as a killed process leaves it.
class RocksWorld : public testing::Test {
  protected:
    std::string folder() const { return root_.path() + "/store"; }
    void open(const RocksTableOptions& options = {}) {
        auto opened = RocksTable::open(folder(), loop_, options, Logger(log_));
        ASSERT_TRUE(opened.has_value()) << opened.error().description;
        table_ = std::move(*opened);
    }
    Error open_error(const std::string& where) {
        const auto opened = RocksTable::open(where, loop_);
        return opened ? Error{} : opened.error();
    }
    Result<void> commit(mailbox::Commit commit) {
        std::optional<Result<void>> outcome;
        table_->commit(std::move(commit),
                       [&](Result<void> result) { outcome = std::move(result); });
        EXPECT_TRUE(loop_.run_while([&] { return !outcome; }));
        return std::move(*outcome);
    }
    void put(const std::string& key, const std::string& value = "value") {
        ASSERT_TRUE(commit({{{mailbox::Space::state, key, value, {}}}, {}, {}}).has_value());
    }
    bool has(RocksTable& table, const std::string& key) {
        const auto found = table.get(mailbox::Space::state, key);
        EXPECT_TRUE(found.has_value());
        return found.has_value() && found->has_value();
    }
    // Whether these bytes lie in some file of the engine, be it a table or its log.
    bool is_in_a_file(const std::string& bytes) const {
        std::error_code gone;  // while it is looked at, by the engine
        for (const auto& entry : std::filesystem::directory_iterator(folder() + "/rocksdb", gone)) {
            if (read_file(entry.path()).find(bytes) != std::string::npos) {
                return true;
            }
        }
        return false;
    }
    // The folder as a process killed at this moment leaves it: what is not flushed may be there or
    // not.
    std::string killed_copy() {
        const std::string copy = root_.path() + "/copy" + std::to_string(copies_++);
        std::filesystem::copy(folder(), copy, std::filesystem::copy_options::recursive);
        return copy;
    }
    // The log that holds the last commits.
    static std::filesystem::path log_of(const std::string& folder) {
        std::filesystem::path newest;
        for (const auto& entry : std::filesystem::directory_iterator(folder + "/rocksdb")) {
            if (entry.path().extension() == ".log" && (newest.empty() || newest < entry.path())) {
                newest = entry.path();
            }
        }
        return newest;
    }
    // Where what was written to a log ends: zeros follow that were prepared.
    static std::size_t end_of(const std::filesystem::path& log) {
        return read_file(log).find_last_not_of('\0') + 1;
    }

    TemporaryFolder root_;
    HandLoop loop_;
    RecordingLog log_;
    std::unique_ptr<RocksTable> table_;
    int copies_ = 0;
};

}  // namespace parley::rocksdb
