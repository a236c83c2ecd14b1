#include "adapters/rocksdb/log_file.h"
#include "adapters/rocksdb/rocks_table.h"
#include "adapters/rocksdb/tuning.h"

#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include <exception>
#include <filesystem>

namespace parley::rocksdb {
namespace {

std::vector<std::string> all_tables(const std::string& engine_folder) {
    std::vector<std::string> files;
    std::error_code failure;
    std::filesystem::directory_iterator at(engine_folder, failure);
    for (const std::filesystem::directory_iterator end; !failure && at != end;
         at.increment(failure)) {
        if (at->path().extension() == ".sst") {
            files.push_back(at->path().string());
        }
    }
    return files;
}

std::string check_table(const std::string& file) {
    try {
        ::rocksdb::Options options;
        options.paranoid_checks = true;
        // With it, opening reads every part of indexes and filters, which the rest passes over.
        ::rocksdb::BlockBasedTableOptions table;
        table.filter_policy.reset(::rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
        options.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(table));
        ::rocksdb::SstFileReader reader(options);
        ::rocksdb::ReadOptions read;
        read.fill_cache = false;
        read.readahead_size = 1 << 20;
        ::rocksdb::Status status = reader.Open(file);
        if (status.ok()) {
            status = reader.VerifyChecksum(read);
        }
        return status.ok() ? "" : status.ToString();
    } catch (const std::exception& thrown) {
        return thrown.what();
    }
}

std::string check_log(const std::string& file) {
    const auto damage = find_log_damage(file);
    if (!damage) {
        return damage.error().description;
    }
    // A write that was under way when the process ended is no damage.
    if (!*damage || ((**damage).torn && !(**damage).intact_after)) {
        return "";
    }
    return "the record at byte " + std::to_string((**damage).at) + " is damaged";
}

}  // namespace

FilesChecked check_files(
    const std::string& folder, std::vector<std::string> tables,
    const std::function<void(const std::string& file, const std::string& what)>& finding,
    const std::function<void(const FilesChecked&)>& progress) {
    const std::string engine_folder = folder + "/rocksdb";
    FilesChecked checked;
    const auto check = [&](const std::string& file, const auto& how) {
        std::error_code failure;
        const std::uintmax_t size = std::filesystem::file_size(file, failure);
        ++checked.files;
        checked.bytes += failure ? 0 : size;
        if (const std::string what = how(file); !what.empty()) {
            ++checked.findings;
            finding(file, what);
        }
        progress(checked);
    };
    if (tables.empty()) {
        tables = all_tables(engine_folder);
    }
    for (const std::string& file : tables) {
        check(file, check_table);
    }
    const auto logs = log_files(engine_folder);
    if (!logs) {
        ++checked.findings;
        finding(engine_folder, logs.error().description);
        return checked;
    }
    for (const std::string& file : *logs) {
        check(file, check_log);
    }
    return checked;
}

}  // namespace parley::rocksdb
