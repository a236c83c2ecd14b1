#include "mailbox/mailbox_cache.h"

#include "io/testing/manual_loop.h"
#include "mailbox/memory_table.h"

#include <gtest/gtest.h>

namespace parley::mailbox {
namespace {

class MailboxCacheTest : public testing::Test {
  protected:
    static MailboxId user(const std::string& name) { return {ApplicationKey("app"), UserId(name)}; }
    void load(const std::vector<MailboxId>& users) {
        std::vector<const MailboxId*> ids;
        for (const MailboxId& one : users) {
            ids.push_back(&one);
        }
        cache_.load(ids, {});
    }

    io::ManualLoop loop_;
    MemoryDisk disk_;
    MemoryTable table_{disk_, loop_};
    Damage damage_{Logger(null_log())};
    MailboxCache cache_{table_, damage_, 2};
};

TEST_F(MailboxCacheTest, KeepsTheStatesUsedLast) {
    load({user("a"), user("b"), user("c")});
    EXPECT_NE(cache_.find(user("a")), nullptr);  // pointers stay good until trim()
    cache_.trim();
    EXPECT_NE(cache_.find(user("a")), nullptr);
    EXPECT_EQ(cache_.find(user("b")), nullptr);
    EXPECT_NE(cache_.find(user("c")), nullptr);
}

TEST_F(MailboxCacheTest, ReadsOnlyWhatIsNotAtHandAndEachOnce) {
    load({user("a"), user("a")});
    const std::size_t before = table_.reads();
    load({user("a")});
    EXPECT_EQ(table_.reads(), before);
    load({user("a"), user("b"), user("b")});
    EXPECT_EQ(table_.reads(), before + 1);
}

TEST_F(MailboxCacheTest, ReadsAgainWhatWasForgotten) {
    load({user("a")});
    cache_.find(user("a"))->record.exists = true;
    cache_.forget(user("a"));
    EXPECT_EQ(cache_.find(user("a")), nullptr);
    load({user("a")});
    EXPECT_FALSE(cache_.find(user("a"))->record.exists);
}

TEST_F(MailboxCacheTest, LeavesOutWhatCannotBeReadAndNotesIt) {
    table_.damage(Space::state, user_key(user("a")));
    load({user("a"), user("b")});
    EXPECT_EQ(cache_.find(user("a")), nullptr);
    EXPECT_NE(cache_.find(user("b")), nullptr);
    EXPECT_TRUE(damage_.first().has_value());
    table_.repair();
    load({user("a")});
    EXPECT_NE(cache_.find(user("a")), nullptr);
    damage_.look_again();
    EXPECT_FALSE(damage_.first().has_value());
}

TEST_F(MailboxCacheTest, LooksUpARecordAndDoesNotKeepIt) {  // an idle user costs the store nothing
    UserRecord record;
    record.exists = record.disabled = true;
    Commit commit;
    commit.puts.push_back({Space::state, user_key(user("a")), encode(record), {}});
    table_.commit(std::move(commit), [](const Result<void>&) {});
    loop_.advance(1s);
    EXPECT_EQ(cache_.look_up(user("a")).value().mailbox, mailbox_key(user("a")));
    EXPECT_EQ(cache_.look_up(user("a")).value().record, record);
    EXPECT_EQ(cache_.look_up(user("nobody")).value().record, UserRecord());
    EXPECT_EQ(cache_.find(user("a")), nullptr);

    load({user("a")});
    cache_.find(user("a"))->record.disabled = false;  // ahead of the table
    EXPECT_FALSE(cache_.look_up(user("a")).value().record.disabled);

    table_.damage(Space::state, user_key(user("b")));
    EXPECT_FALSE(cache_.look_up(user("b")).has_value());
    EXPECT_TRUE(damage_.first().has_value());
    table_.repair();
    damage_.look_again();
    EXPECT_FALSE(damage_.first().has_value());
}

}  // namespace
}  // namespace parley::mailbox
