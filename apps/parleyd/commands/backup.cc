// verify, backup, restore: docs/operations/backup.md.
#include "backup.h"

#include "adapters/rocksdb/rocks_table.h"
#include "admin/router.h"
#include "commands/commands.h"
#include "data_folder.h"
#include "mailbox/verifier.h"
#include "process.h"
#include "stderr_log.h"
#include "verify_report.h"
#include "wire/stored_event.h"
#include "words.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

namespace parley::parleyd {
namespace {

constexpr auto kProgressEvery = std::chrono::seconds(5);

// How far it is goes to standard error, so that standard output has the findings alone.
class Progress {
  public:
    void tell(const std::string& how_far) {
        const auto now = std::chrono::steady_clock::now();
        if (now >= next_) {
            next_ = now + kProgressEvery;
            std::fprintf(stderr, "parleyd: verify: %s\n", how_far.c_str());
        }
    }

  private:
    std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + kProgressEvery;
};

Result<void> check_event(const mailbox::StoredEvent& event) {
    const std::string_view body = event.body ? std::string_view(*event.body) : "";
    const auto rendered = wire::RenderedEvent::make(event.sequence, event.at, *event.bytes, body);
    return rendered ? Result<void>() : unexpected(rendered.error());
}

mailbox::VerifyCounts verify_records(mailbox::Table& table, VerifyReport& report,
                                     Progress& progress) {
    mailbox::VerifyHooks hooks;
    hooks.finding = [&](const std::string& where, const std::string& what) {
        report.find(where, what);
    };
    hooks.progress = [&](const mailbox::VerifyCounts& counts) {
        progress.tell(counted(counts.users, "user") + ", " + counted(counts.events, "event") +
                      " read");
    };
    hooks.check_event = check_event;
    return mailbox::verify(table, hooks);
}

// A folder with a manifest is a backup: what it says of its files comes first.
void verify_backup(const std::string& folder, VerifyReport& report) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder + "/" + kManifestFile, ignored)) {
        return;
    }
    const auto manifest = read_manifest(folder);
    if (!manifest) {
        return report.find(folder, manifest.error().description);
    }
    check_backup(folder, *manifest, [&](const std::string& file, const std::string& what) {
        report.find_in_file(file, what);
    });
}

// `counts`: none if the store cannot be opened, so that nothing of it is known.
int conclude(std::uint64_t findings, const rocksdb::FilesChecked& files,
             const std::optional<mailbox::VerifyCounts>& counts, bool is_backup) {
    std::printf("parleyd: %s with %s, ", counted(files.files, "file").c_str(),
                counted(files.bytes, "byte").c_str());
    if (counts) {
        std::printf(
            "%s, %s, %s with %s, %s; ", counted(counts->users, "user").c_str(),
            counted(counts->devices, "device").c_str(), counted(counts->events, "event").c_str(),
            counted(counts->bytes, "byte").c_str(), counted(counts->keys, "append key").c_str());
    } else {
        std::fputs("the store cannot be opened, so what is in it was not read; ", stdout);
    }
    if (findings == 0) {
        std::puts("nothing is wrong");
        return exit_code::kOk;
    }
    std::printf("%s wrong; %s (the manual's backup.md says how)\n",
                counted(findings, "thing is", "things are").c_str(),
                is_backup
                    ? "do not count on this backup: keep the older ones; if the server is sound "
                      "(/readyz) make a new one, else restore the newest that verifies"
                    : "look at the disk, keep this folder, and restore the newest backup that "
                      "verifies into a new one");
    return exit_code::kRefused;
}

int verify(const CommandInput& input) {
    const std::string& folder = input.settings.data;
    const std::string store = folder + "/store";
    std::error_code ignored;
    if (!std::filesystem::is_directory(store + "/rocksdb", ignored)) {
        complain(folder + ": holds no store; --data names a data folder or a backup");
        return exit_code::kUsage;
    }
    // A backup is nobody's, and nothing is written into it.
    std::unique_ptr<DataFolder> held;
    if (!std::filesystem::exists(folder + "/" + kManifestFile, ignored)) {
        auto taken = DataFolder::open_to_read(folder);
        if (!taken) {
            complain(taken.error().description);
            return exit_code_of(taken.error());
        }
        held = std::move(*taken);
    }
    VerifyReport report([](const std::string& line) { std::puts(line.c_str()); });
    Progress progress;
    verify_backup(folder, report);
    StderrLog sink(LogLevel::warn, input.settings.log_format);
    const auto table = rocksdb::RocksTable::open_to_read(store, Logger(sink));
    const auto files = rocksdb::check_files(
        store, table ? (*table)->files() : std::vector<std::string>(),
        [&](const std::string& file, const std::string& what) { report.find_in_file(file, what); },
        [&](const rocksdb::FilesChecked& checked) {
            progress.tell(counted(checked.files, "file") + ", " +
                          std::to_string(checked.bytes >> 20) + " MiB read");
        });
    std::optional<mailbox::VerifyCounts> counts;
    if (table) {
        counts = verify_records(**table, report, progress);
    } else {
        report.find(store, table.error().description);
    }
    return conclude(report.findings(), files, counts, held == nullptr);
}

// A backup that nobody can find is none, and one of a damaged store has the damage. Said once the
// answer is printed.
int judge_backup(const std::string& to, const nlohmann::ordered_json& answer) {
    std::error_code failure;
    if (!std::filesystem::exists(to + "/" + kManifestFile, failure) && !failure) {
        complain(to +
                 ": the server made it, but it is not to be found here: the server has a /tmp of "
                 "its own (PrivateTmp of its unit); name another folder");
        return exit_code::kRefused;
    }
    if (answer.contains("damage") && answer.at("damage").is_string()) {
        complain(to + ": the backup has what the store has, and that is damaged: " +
                 answer.at("damage").get<std::string>());
        return exit_code::kRefused;
    }
    return exit_code::kOk;
}

int backup(const CommandInput& input) {
    std::error_code failure;
    const std::string to =
        std::filesystem::absolute(std::string(input.arguments["DIR"]), failure).string();
    nlohmann::ordered_json answer;
    const int code = ask_and_print(
        input, {"POST", "/v1/backup?to=" + percent_encode(to), ""},
        [](const auto& made) {
            std::printf("parleyd: %s holds the backup: %s, %s\n",
                        made.at("folder").template get<std::string>().c_str(),
                        counted(made.at("files"), "file").c_str(),
                        counted(made.at("bytes"), "byte").c_str());
        },
        answer);
    return code == exit_code::kOk ? judge_backup(to, answer) : code;
}

// The manifest knows nothing of what is in the tables (spec/backup.md).
std::optional<std::string> damaged_file(const std::string& backup) {
    std::optional<std::string> first;
    if (read_manifest(backup)) {
        rocksdb::check_files(
            backup + "/store", {},
            [&](const std::string& file, const std::string& what) {
                first = first.value_or(file + ": " + what);
            },
            [](const rocksdb::FilesChecked&) {});
    }
    return first;
}

int restore(const CommandInput& input) {
    const std::string from(input.arguments["DIR"]);
    if (const auto damaged = damaged_file(from)) {
        complain(*damaged +
                 "; this backup is damaged, restore another one (the manual's backup.md says how)");
        return exit_code::kRefused;
    }
    const auto restored = restore_backup(from, input.settings.data);
    if (!restored) {
        complain(restored.error().description);
        return restored.error().code == ErrorCode::store_in_use ? exit_code::kInUse
                                                                : exit_code::kRefused;
    }
    std::printf(
        "parleyd: %s has the state of %s: %s, %s; its next start gives it a new epoch, and devices "
        "read their mailboxes again\n",
        input.settings.data.c_str(), restored->made.c_str(),
        counted(restored->files.size(), "file").c_str(),
        counted(restored->bytes(), "byte").c_str());
    return exit_code::kOk;
}

}  // namespace

std::vector<CommandSpec> backup_commands() {
    return {{"verify",
             "Read the whole store, of a stopped server or of a backup, and say what is wrong",
             {},
             {},
             verify,
             false},
            {"backup",
             "Copy the store and the applications into a new folder, while the server runs",
             {{"DIR", "the new folder"}},
             {},
             backup},
            {"restore",
             "Put a backup into a new or empty data folder",
             {{"DIR", "the backup"}},
             {},
             restore,
             false}};
}

}  // namespace parley::parleyd
