#pragma once

#include "mailbox/table.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

// What every Table must do (table.h), as tests. An engine's test includes this and says
//   INSTANTIATE_TEST_SUITE_P(MyEngine, TableConformance, testing::Values(make_my_table_world));
namespace parley::mailbox {

// One engine under test, on a loop that the world can run.
class TableWorld {
  public:
    virtual ~TableWorld() = default;
    virtual Table& table() = 0;
    // Runs the store's loop until `done` is true. False: it did not become so.
    virtual bool run_until(const std::function<bool()>& done) = 0;
    // Closes the table in order and opens it again on what it had made durable.
    virtual void reopen() = 0;

    // Commits and waits.
    Result<void> commit(Commit commit) {
        std::optional<Result<void>> outcome;
        table().commit(std::move(commit),
                       [&](Result<void> result) { outcome = std::move(result); });
        EXPECT_FALSE(outcome.has_value()) << "done was called before commit() returned";
        EXPECT_TRUE(run_until([&] { return outcome.has_value(); }));
        return outcome.value_or(unexpected(make_error(ErrorCode::timed_out, "no answer")));
    }
};
using MakeTableWorld = std::unique_ptr<TableWorld> (*)();

class TableConformance : public testing::TestWithParam<MakeTableWorld> {
  protected:
    TableConformance() : world_(GetParam()()) {}

    static Put put(Space space, std::string key, std::string value, std::int64_t stored_ms = 1) {
        if (expires(space)) {
            std::string time(kStoredAtBytes, '\0');
            for (std::size_t i = 0; i < kStoredAtBytes; ++i) {
                time[kStoredAtBytes - 1 - i] = static_cast<char>(stored_ms >> (8 * i) & 0xff);
            }
            return {space, std::move(key), time + value, wall_time_from_ms(stored_ms)};
        }
        return {space, std::move(key), std::move(value), {}};
    }
    static std::string value_of(Space space, const Bytes& stored) {
        return expires(space) ? stored.substr(kStoredAtBytes) : stored;
    }
    std::vector<std::string> keys(Space space, ScanOptions options) {
        std::vector<std::string> found;
        const auto entries = table().scan(space, options);
        EXPECT_TRUE(entries.has_value());
        for (const Entry& entry : *entries) {
            found.push_back(entry.key);
        }
        return found;
    }
    static ScanOptions range(std::string from, std::string to) {
        ScanOptions options;
        options.from = std::move(from);
        options.to = std::move(to);
        return options;
    }
    void put_letters(Space space, const std::string& letters) {
        Commit commit;
        for (const char letter : letters) {
            commit.puts.push_back(put(space, std::string(1, letter), std::string(3, letter)));
        }
        ASSERT_TRUE(world_->commit(std::move(commit)).has_value());
    }
    Table& table() { return world_->table(); }

    std::unique_ptr<TableWorld> world_;
};

using Keys = std::vector<std::string>;

TEST_P(TableConformance, FindsWhatWasPutInEachSpaceAndNowhereElse) {
    for (const Space space : {Space::state, Space::events, Space::keys, Space::bodies}) {
        ASSERT_TRUE(world_->commit({{put(space, "key", "value")}, {}, {}}).has_value());
        const auto found = table().get(space, "key");
        ASSERT_TRUE(found.has_value() && found->has_value());
        EXPECT_EQ(value_of(space, **found), "value");
        ASSERT_TRUE(world_->commit({{}, {{space, "key"}}, {}}).has_value());
        EXPECT_FALSE(table().get(space, "key")->has_value());
    }
}

TEST_P(TableConformance, KeepsKeysAndValuesOfAnyBytes) {
    const std::string key("\0\xff\n key", 7);
    const std::string value("\0\0\xff", 3);
    ASSERT_TRUE(
        world_->commit({{put(Space::state, key, value), put(Space::state, "empty", "")}, {}, {}})
            .has_value());
    EXPECT_EQ(**table().get(Space::state, key), value);
    EXPECT_EQ(**table().get(Space::state, "empty"), "");
    EXPECT_FALSE(table().get(Space::state, key.substr(0, 6))->has_value());
}

TEST_P(TableConformance, AnswersManyKeysInTheirOrder) {
    put_letters(Space::keys, "ace");
    const auto found = table().get_many(Space::keys, {"e", "b", "a", "e", "zz"});
    ASSERT_TRUE(found.has_value());
    ASSERT_EQ(found->size(), 5u);
    EXPECT_EQ(value_of(Space::keys, *(*found)[0]), "eee");
    EXPECT_FALSE((*found)[1].has_value());
    EXPECT_EQ(value_of(Space::keys, *(*found)[2]), "aaa");
    EXPECT_EQ(value_of(Space::keys, *(*found)[3]), "eee");
    EXPECT_FALSE((*found)[4].has_value());
    EXPECT_TRUE(table().get_many(Space::keys, {})->empty());
}

TEST_P(TableConformance, ScansARangeInTheOrderOfItsBytes) {
    put_letters(Space::events, "badce");
    put_letters(Space::events, "\xff");
    EXPECT_EQ(keys(Space::events, range("a", "e")), (Keys{"a", "b", "c", "d"}));
    EXPECT_EQ(keys(Space::events, range("bb", "zz")), (Keys{"c", "d", "e"}));
    EXPECT_EQ(keys(Space::events, range("z", "\xff\xff")), (Keys{"\xff"}));
    EXPECT_EQ(keys(Space::events, range("c", "c")), Keys{});
    EXPECT_EQ(keys(Space::events, range("e", "a")), Keys{});
}

TEST_P(TableConformance, ScansBackwardsFromTheEndOfTheRange) {
    put_letters(Space::events, "abcde");
    ScanOptions options = range("b", "e");
    options.reverse = true;
    EXPECT_EQ(keys(Space::events, options), (Keys{"d", "c", "b"}));
    options.entries = 1;
    EXPECT_EQ(keys(Space::events, options), (Keys{"d"}));
    options = range("f", "z");
    options.reverse = true;
    EXPECT_EQ(keys(Space::events, options), Keys{});
}

TEST_P(TableConformance, EndsAScanAtTheLimitOfEntriesOrBytesButReturnsOne) {
    put_letters(Space::state, "abcde");
    ScanOptions options = range("a", "z");
    options.entries = 2;
    EXPECT_EQ(keys(Space::state, options), (Keys{"a", "b"}));
    options.entries = 100;
    options.bytes = 12;  // one byte of key and three of value each
    EXPECT_EQ(keys(Space::state, options), (Keys{"a", "b", "c"}));
    options.bytes = 1;
    EXPECT_EQ(keys(Space::state, options), (Keys{"a"}));
}

TEST_P(TableConformance, AppliesDeletesAndRangesBeforePuts) {
    put_letters(Space::state, "abcdef");
    Commit commit;
    commit.deletes.push_back({Space::state, "a"});
    commit.ranges.push_back({Space::state, "c", "e"});
    commit.puts.push_back(put(Space::state, "a", "new"));
    commit.puts.push_back(put(Space::state, "d", "new"));
    ASSERT_TRUE(world_->commit(std::move(commit)).has_value());
    EXPECT_EQ(keys(Space::state, range("a", "z")), (Keys{"a", "b", "d", "e", "f"}));
    EXPECT_EQ(**table().get(Space::state, "a"), "new");
    EXPECT_EQ(**table().get(Space::state, "d"), "new");
}

TEST_P(TableConformance, DeletesRangesAndWhatIsNotThereWithoutComplaint) {
    Commit commit;
    commit.deletes.push_back({Space::keys, "nothing"});
    commit.ranges.push_back({Space::bodies, "a", "z"});
    commit.ranges.push_back({Space::bodies, "z", "a"});
    EXPECT_TRUE(world_->commit(std::move(commit)).has_value());
}

TEST_P(TableConformance, ShowsACommitOnlyWhenItIsDurable) {
    bool done = false;
    table().commit({{put(Space::state, "key", "value")}, {}, {}}, [&](Result<void> result) {
        EXPECT_TRUE(result.has_value());
        done = true;
    });
    EXPECT_TRUE(world_->run_until([&] { return done; }));
    EXPECT_TRUE(table().get(Space::state, "key")->has_value());
}

TEST_P(TableConformance, LetsTheNextCommitBeMadeFromTheAnswerOfTheLast) {
    int committed = 0;
    std::function<void()> next = [&] {
        table().commit({{put(Space::state, "n" + std::to_string(committed), "v")}, {}, {}},
                       [&](Result<void> result) {
                           EXPECT_TRUE(result.has_value());
                           if (++committed < 5) {
                               next();
                           }
                       });
    };
    next();
    EXPECT_TRUE(world_->run_until([&] { return committed == 5; }));
    EXPECT_EQ(keys(Space::state, range("n", "o")).size(), 5u);
}

TEST_P(TableConformance, KeepsEverythingThatWasAnsweredOverAReopening) {
    put_letters(Space::state, "abc");
    put_letters(Space::events, "def");
    const Epoch before = table().epoch();
    world_->reopen();
    EXPECT_EQ(keys(Space::state, range("a", "z")), (Keys{"a", "b", "c"}));
    EXPECT_EQ(keys(Space::events, range("a", "z")), (Keys{"d", "e", "f"}));
    EXPECT_EQ(table().epoch(), before);
    EXPECT_FALSE(before.value().empty());
}

TEST_P(TableConformance, NeverDropsWhatHasNotExpired) {
    Commit commit;
    commit.puts.push_back(put(Space::events, "old", "v", 1'000));
    commit.puts.push_back(put(Space::events, "limit", "v", 2'000));
    commit.puts.push_back(put(Space::events, "new", "v", 3'000));
    commit.puts.push_back(put(Space::keys, "old", "v", 1'000));
    ASSERT_TRUE(world_->commit(std::move(commit)).has_value());
    table().expire(Space::events, wall_time_from_ms(2'000));
    table().expire(Space::events, wall_time_from_ms(500));  // never goes back
    EXPECT_TRUE(table().get(Space::events, "limit")->has_value());
    EXPECT_TRUE(table().get(Space::events, "new")->has_value());
    EXPECT_TRUE(table().get(Space::keys, "old")->has_value());
}

}  // namespace parley::mailbox
