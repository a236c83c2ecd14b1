#include "adapters/sqlite/sqlite_store.h"

#include "adapters/sqlite/database.h"
#include "adapters/sqlite/schema.h"
#include "adapters/sqlite/testing/memory_vfs.h"
#include "adapters/sqlite/testing/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <fstream>
#include <utility>

namespace parley::sqlite {
namespace {

using client::Turn;
using testing::HasSubstr;

Result<std::unique_ptr<client::LocalStore>> open(const SqliteStoreOptions& options) {
    auto store = open_sqlite_store(options, Logger(null_log()));
    if (store) {
        auto bound = (*store)->bind(
            {ApplicationKey("app"), UserId("alice"), std::nullopt, DeviceId("d"), 0});
        if (!bound) {
            return unexpected(std::move(bound).error());
        }
    }
    return store;
}

client::Draft draft(const std::string& id, std::size_t bytes = 10) {
    client::Draft draft;
    draft.message.id = MessageId(id);
    draft.message.key = ChainKey(id);
    draft.message.recipients = {UserId("bob")};
    draft.message.text = std::string(bytes, 'x');
    return draft;
}

client::StoredEvent incoming(const std::string& id, std::size_t bytes = 10) {
    client::Message message = draft(id, bytes).message;
    message.sender = UserId("bob");
    return {1, client::IncomingEvent{message}};
}

// A turn with something of everything.
Turn rich_turn(const std::string& id) {
    Turn turn;
    turn.clock = {1, 2, 3};
    turn.drafts.push_back(draft("m" + id, 5000));
    turn.answers.push_back({MessageId("m" + id), {{UserId("bob"), std::nullopt, 7}}, std::nullopt});
    turn.events.push_back(incoming("x" + id, 9000));
    turn.cursor = Cursor{Epoch("e"), Sequence(9)};
    return turn;
}

std::size_t count_callbacks(client::LocalStore& store) {
    auto callbacks = store.callbacks(client::CallbackId(), 100'000, 1u << 30);
    return callbacks ? callbacks->size() : 999'999;
}

unsigned mode(const std::string& path) {
    struct stat found{};
    return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
}

TEST(SqliteStore, IsForItsOwnerOnly) {
    const TempFolder folder;
    const std::string path = folder.path() + "/deep/er";
    auto store = open({path, ""});
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->commit(rich_turn("1")));
    EXPECT_EQ(mode(folder.path() + "/deep"), 0700u);
    EXPECT_EQ(mode(path), 0700u);
    EXPECT_EQ(mode(path + "/store.db"), 0600u);
    EXPECT_EQ(mode(path + "/store.db-wal"), 0600u);
    EXPECT_EQ(mode(path + "/store.db-shm"), 0u) << "no shared memory";
}

TEST(SqliteStore, ASecondOneIsToldThatItIsInUse) {
    const TempFolder folder;
    auto first = open({folder.path(), ""});
    ASSERT_TRUE(first);
    auto second = open({folder.path(), ""});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::store_in_use);
    EXPECT_EQ(second.error().description.find('\n'), std::string::npos);
    EXPECT_THAT(second.error().description, HasSubstr(folder.path()));
    first->reset();
    EXPECT_TRUE(open({folder.path(), ""}));
}

TEST(SqliteStore, SaysWhichFileIsDamagedAndWhatToDo) {
    const TempFolder folder;
    std::ofstream(folder.path() + "/store.db") << std::string(100'000, 'z');
    auto store = open({folder.path(), ""});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::store_failed);
    EXPECT_THAT(store.error().description, HasSubstr(folder.path() + "/store.db"));
    EXPECT_THAT(store.error().description, HasSubstr("move the file away"));
}

TEST(SqliteStore, ADamagedPageIsAnErrorAndNoCrash) {
    const TempFolder folder;
    {
        auto store = open({folder.path(), ""});
        for (int i = 0; i < 50; ++i) {
            ASSERT_TRUE((*store)->commit(rich_turn(std::to_string(i))));
        }
    }
    std::fstream file(folder.path() + "/store.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(0, std::ios::end);
    const auto size = file.tellg();
    for (std::streamoff at = 4096; at < size; at += 4096) {
        file.seekp(at);
        file << std::string(2000, '\x5a');
    }
    file.close();
    auto store = open({folder.path(), ""});
    if (store) {
        EXPECT_FALSE((*store)->commit(rich_turn("new")));
    } else {
        EXPECT_EQ(store.error().code, ErrorCode::store_failed);
    }
}

TEST(SqliteStore, RefusesAFolderThatCannotBeMade) {
    const TempFolder folder;
    std::ofstream(folder.path() + "/file") << "x";
    auto store = open({folder.path() + "/file/store", ""});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::store_failed);
    EXPECT_THAT(store.error().description, HasSubstr("/file/store"));
}

TEST(SqliteStore, RefusesAnotherProgramsDatabase) {
    MemoryVfs disk("foreign");
    {
        auto database = Database::open("disk/store.db", disk.name());
        ASSERT_TRUE(database);
        ASSERT_TRUE((*database)->execute("CREATE TABLE theirs (a)"));
    }
    auto store = open({"disk", disk.name()});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::store_foreign);
}

TEST(SqliteStore, RefusesAStoreOfANewerVersion) {
    MemoryVfs disk("newer");
    ASSERT_TRUE(open({"disk", disk.name()}));
    {
        auto database = Database::open("disk/store.db", disk.name());
        ASSERT_TRUE(
            (*database)->execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA user_version = 99"));
    }
    auto store = open({"disk", disk.name()});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::store_foreign);
    EXPECT_THAT(store.error().description, HasSubstr("newer version"));
}

TEST(SqliteStore, MigratesAnOlderStoreStepByStep) {
    MemoryVfs disk("older");
    ASSERT_TRUE(open({"disk", disk.name()}));
    auto database = Database::open("disk/store.db", disk.name());
    ASSERT_TRUE((*database)->execute("PRAGMA locking_mode = EXCLUSIVE"));
    std::vector<Migration> steps(migrations().begin(), migrations().end());
    steps.push_back("ALTER TABLE store ADD COLUMN next INTEGER;");
    steps.push_back("UPDATE store SET next = 5;");
    ASSERT_TRUE(migrate(**database, steps));
    ASSERT_TRUE(migrate(**database, steps)) << "nothing left to do";
    auto next = (*database)->reading([&] {
        Query query = (*database)->query("SELECT next, device FROM store");
        return query.step() ? query.text(1) + std::to_string(query.integer(0)) : std::string();
    });
    EXPECT_EQ(*next, "d5");
}

TEST(SqliteStore, AFailedMigrationLeavesTheOldStore) {
    MemoryVfs disk("broken");
    ASSERT_TRUE(open({"disk", disk.name()}));
    {
        auto database = Database::open("disk/store.db", disk.name());
        ASSERT_TRUE((*database)->execute("PRAGMA locking_mode = EXCLUSIVE"));
        std::vector<Migration> steps(migrations().begin(), migrations().end());
        steps.push_back("DROP TABLE seen; SELECT nonsense;");
        EXPECT_FALSE(migrate(**database, steps));
    }
    auto store = open({"disk", disk.name()});
    ASSERT_TRUE(store);
    EXPECT_TRUE((*store)->commit(rich_turn("1")));
}

TEST(SqliteStore, AFullDiskFailsTheCallAndKeepsNothingOfIt) {  // R1
    MemoryVfs disk("full");
    auto store = open({"disk", disk.name()});
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->commit(rich_turn("1")));
    disk.set_capacity(disk.bytes() + 8000);
    auto failed = (*store)->commit(rich_turn("2"));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::store_full);
    EXPECT_THAT(failed.error().description, HasSubstr("nothing of the call was kept"));
    const auto unread = (*store)->unread_bytes();
    EXPECT_EQ(count_callbacks(**store), 2u);
    disk.set_capacity(0);
    ASSERT_TRUE((*store)->commit(rich_turn("2"))) << "and works again when there is room";
    EXPECT_EQ(count_callbacks(**store), 4u);
    EXPECT_EQ((*store)->unread_bytes(), 2 * unread);
    store->reset();
    disk.lose_power();
    store = open({"disk", disk.name()});
    ASSERT_TRUE(store);
    EXPECT_EQ(count_callbacks(**store), 4u);
}

// Every operation on the disk fails once: the call says so, nothing half-written is ever seen, and
// the store goes on.
TEST(SqliteStore, SurvivesAFailureOfEachOperation) {  // R1, R8
    for (const int code : {SQLITE_IOERR_WRITE, SQLITE_FULL, SQLITE_IOERR_FSYNC}) {
        bool reached = true;
        for (std::uint64_t nth = 1; reached; ++nth) {
            MemoryVfs disk("nth");
            auto store = open({"disk", disk.name()});
            ASSERT_TRUE(store);
            ASSERT_TRUE((*store)->commit(rich_turn("1")));
            const auto before = disk.operations();
            disk.fail_at(nth, code);
            const bool done = (*store)->commit(rich_turn("2")).has_value();
            reached = disk.operations() >= before + nth;
            disk.fail_at(0, 0);
            EXPECT_EQ(count_callbacks(**store), done ? 4u : 2u) << nth;
            auto again = (*store)->commit(rich_turn("2"));
            ASSERT_TRUE(again) << nth << ": " << again.error().description;
            EXPECT_EQ(count_callbacks(**store), 4u) << nth;
            store->reset();
            disk.lose_power();
            store = open({"disk", disk.name()});
            ASSERT_TRUE(store) << nth;
            EXPECT_EQ(count_callbacks(**store), 4u) << nth;
            ASSERT_LT(nth, 200u);
        }
    }
}

// Power goes after each operation: what was said to be kept is there, and of the rest all or
// nothing.
TEST(SqliteStore, KeepsWhatItSaidOverALossOfPower) {  // R1
    bool reached = true;
    for (std::uint64_t nth = 1; reached; ++nth) {
        MemoryVfs disk("power");
        auto store = open({"disk", disk.name()});
        ASSERT_TRUE(store);
        for (int i = 0; i < 10; ++i) {
            ASSERT_TRUE((*store)->commit(rich_turn(std::to_string(i))));
        }
        const auto before = disk.operations();
        disk.fail_at(nth, SQLITE_IOERR, true);
        const bool done = (*store)->commit(rich_turn("last")).has_value();
        reached = disk.operations() >= before + nth;
        store->reset();
        disk.fail_at(0, 0);
        disk.lose_power();
        store = open({"disk", disk.name()});
        ASSERT_TRUE(store) << store.error().description;
        const std::size_t kept = count_callbacks(**store);
        EXPECT_TRUE(kept == 22 || (!done && kept == 20)) << kept << " after operation " << nth;
    }
}

TEST(SqliteStore, ACommitIsOneSync) {  // R1
    MemoryVfs disk("syncs");
    auto store = open({"disk", disk.name()});
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->commit(rich_turn("0")));
    const auto before = disk.syncs();
    for (int i = 1; i <= 20; ++i) {
        ASSERT_TRUE((*store)->commit(rich_turn(std::to_string(i))));
    }
    EXPECT_EQ(disk.syncs() - before, 20u);
}

TEST(SqliteStore, ATurnThatMayWaitIsSyncedWithTheNextOne) {  // R8
    Turn nothing;
    nothing.clock = {1, 2, 3};
    Turn sent = nothing;
    sent.drafts.push_back(draft("later"));
    // An empty turn, at the same moment at that, changes nothing of its own in the file.
    for (const std::optional<Turn>& after : {std::optional<Turn>(), {sent}, {nothing}}) {
        MemoryVfs disk("marks");
        auto store = open({"disk", disk.name()});
        ASSERT_TRUE(store);
        ASSERT_TRUE((*store)->commit(rich_turn("1")));
        Turn marks = nothing;
        marks.durable = client::Durable::soon;
        const auto due = (*store)->callbacks(client::CallbackId(), 10, 1u << 20);
        for (const client::Callback& callback : *due) {
            marks.done.push_back(callback.id);
        }
        const auto before = disk.syncs();
        ASSERT_TRUE((*store)->commit(marks));
        EXPECT_EQ(count_callbacks(**store), 0u);
        EXPECT_EQ(disk.syncs(), before);
        EXPECT_TRUE(!after || (*store)->commit(*after));
        EXPECT_EQ(disk.syncs(), before + (after ? 1 : 0));
        disk.fail_at(1, SQLITE_IOERR, true);  // closing it writes nothing either
        store->reset();
        disk.fail_at(0, 0);
        disk.lose_power();
        store = open({"disk", disk.name()});
        ASSERT_TRUE(store);
        EXPECT_EQ(count_callbacks(**store), after ? 0u : 2u);
    }
}

// A phone comes back often: each Welcome would be a sync, for what the next one says again.
TEST(SqliteStore, AWelcomeIsSyncedWithTheNextTurn) {  // R19
    for (const bool turn_after : {false, true}) {
        MemoryVfs disk("welcome");
        auto store = open({"disk", disk.name()});
        ASSERT_TRUE(store);
        ASSERT_TRUE((*store)->commit(rich_turn("1")));
        const auto before = disk.syncs();
        ASSERT_TRUE((*store)->welcomed(Limits(), {2, 3, 4}, false));
        EXPECT_EQ(disk.syncs(), before);
        if (turn_after) {
            Turn sent;
            sent.clock = {3, 4, 5};
            sent.drafts.push_back(draft("later"));
            ASSERT_TRUE((*store)->commit(sent));
        }
        disk.fail_at(1, SQLITE_IOERR, true);  // closing it writes nothing either
        store->reset();
        disk.fail_at(0, 0);
        disk.lose_power();
        store = open({"disk", disk.name()});
        ASSERT_TRUE(store);
        const auto facts = (*store)->bind(
            {ApplicationKey("app"), UserId("alice"), std::nullopt, DeviceId("d"), 0});
        ASSERT_TRUE(facts);
        EXPECT_EQ(facts->cursor.has_value(), !turn_after);
        EXPECT_EQ(facts->server_offset_ms.has_value(), turn_after);
    }
}

TEST(SqliteStore, EraseLeavesNoFile) {
    const TempFolder folder;
    const std::string path = folder.path() + "/store";
    auto store = open({path, ""});
    ASSERT_TRUE((*store)->commit(rich_turn("1")));
    ASSERT_TRUE((*store)->erase());
    EXPECT_FALSE(std::filesystem::exists(path));
    auto after = (*store)->commit(rich_turn("2"));
    ASSERT_FALSE(after);
    EXPECT_EQ(after.error().code, ErrorCode::wrong_state);
}

TEST(SqliteStore, TakesAnyBytesInTextsAndIds) {
    MemoryVfs disk("bytes");
    auto store = open({"disk", disk.name()});
    client::StoredEvent event = incoming("x1");
    auto& message = std::get<client::IncomingEvent>(event.kind).message;
    message.text = std::string("a\0b\xff", 4);
    message.sender = UserId(std::string("\0", 1));
    message.headers = {{"", ""}, {std::string("\0", 1), "v"}};
    message.recipients = {UserId("")};
    Turn turn;
    turn.events = {event, event};
    ASSERT_TRUE((*store)->commit(turn));
    auto callbacks = (*store)->callbacks(client::CallbackId(), 10, 1000);
    ASSERT_EQ(callbacks->size(), 1u);
    client::Message expected = message;
    expected.accepted_at_ms = 1;
    EXPECT_EQ(std::get<client::IncomingDue>((*callbacks)[0].due).message, expected);
}

}  // namespace
}  // namespace parley::sqlite
