// A store whose records were damaged in any way: it says so and never crashes, every call is
// answered once, events come in order, and an operator is told what cannot be read. Where
// `parleyd verify` finds nothing wrong, nothing is unreadable.
#include "base/assert.h"
#include "io/testing/manual_loop.h"
#include "mailbox/log_store.h"
#include "mailbox/memory_table.h"
#include "mailbox/records.h"
#include "mailbox/verifier.h"

#include <algorithm>
#include <cstdint>
#include <functional>

namespace parley::mailbox {
namespace {

using namespace std::chrono_literals;

MailboxId mailbox_of(const std::string& user) {
    return {ApplicationKey("app"), UserId(user)};
}

void expect_one_line(const std::string& text) {
    PARLEY_ASSERT(!text.empty() && text.find('\n') == std::string::npos);
}

// A LogStore on a disk in memory, all on one loop that is moved by hand.
class World {
  public:
    explicit World(MemoryDisk& disk) : table_(disk, loop_) {}

    MemoryTable& table() { return table_; }
    const Store& door() const { return *door_; }
    bool open() {
        auto opened = LogStore::open(table_, loop_, wall_, {}, Logger(null_log()));
        if (!opened) {
            expect_one_line(opened.error().description);
            return false;
        }
        store_ = std::move(*opened);
        door_ = store_->door(loop_);
        return true;
    }
    void advance(Duration span) { loop_.advance(span); }

    // The answer of a call of the door, which comes exactly once.
    template <typename T>
    T ask(const std::function<void(Store&, Store::Done<T>)>& call) {
        std::optional<T> answer;
        call(*door_, [&answer](T value) {
            PARLEY_ASSERT(!answer);
            answer.emplace(std::move(value));
        });
        for (int i = 0; i < 100 && !answer; ++i) {
            loop_.advance(1ms);
        }
        PARLEY_ASSERT(answer.has_value());
        return std::move(*answer);
    }
    void commit(Commit change) {
        table_.commit(std::move(change), [](const Result<void>& done) { PARLEY_ASSERT(done); });
        loop_.advance(1ms);
        PARLEY_ASSERT(!table_.commit_under_way());
    }

  private:
    io::ManualLoop loop_;
    io::ManualWallClock wall_{loop_};
    MemoryTable table_;
    std::unique_ptr<LogStore> store_;
    std::unique_ptr<Store> door_;
};

std::vector<Append> append_for(const std::string& user, std::uint8_t number, std::size_t size) {
    AppendKey key{};
    key.back() = number;
    const auto body = std::make_shared<const Bytes>(size, static_cast<char>('a' + number));
    std::vector<Append> one;
    one.push_back({mailbox_of(user), key, Needs::messaging,
                   std::make_shared<const Bytes>("event " + std::to_string(number)), body});
    return one;
}

std::vector<Appended> append(World& world, const std::string& user, std::uint8_t number,
                             std::size_t size) {
    return world.ask<std::vector<Appended>>([&](Store& door, auto done) {
        door.append(append_for(user, number, size), std::move(done));
    });
}

// What a store holds after some use: small bodies and large ones, marks, devices.
MemoryDisk used_disk() {
    MemoryDisk disk;
    World world(disk);
    PARLEY_ASSERT(world.open());
    for (const std::string user : {"alice", "bob"}) {
        for (const char* device : {"phone", "desk"}) {
            PARLEY_ASSERT(world.ask<Result<Enrolled>>([&](Store& door, auto done) {
                door.enroll(mailbox_of(user), DeviceId(device), true, {}, std::move(done));
            }));
        }
        for (std::uint8_t number = 0; number < 6; ++number) {
            const auto answer = append(world, user, number, number % 2 == 0 ? 20 : 600);
            PARLEY_ASSERT(answer.at(0).outcome == Outcome::stored);
            if (number == 3) {
                PARLEY_ASSERT(world.ask<Result<void>>([&](Store& door, auto done) {
                    door.mark(mailbox_of(user), answer[0].sequence, std::move(done));
                }));
            }
        }
        world.advance(1min);
    }
    return disk.copy(Epoch("damaged"));
}

std::vector<std::pair<Space, Entry>> all_entries(Table& table) {
    std::vector<std::pair<Space, Entry>> all;
    for (const Space space : {Space::state, Space::events, Space::keys, Space::bodies}) {
        const auto found = table.scan(space, {Bytes(), Bytes(64, '\xff')});
        PARLEY_ASSERT(found.has_value());
        for (const Entry& entry : *found) {
            all.emplace_back(space, entry);
        }
    }
    return all;
}

// Four bytes say what becomes of an entry, and how many of the following are its new value.
Commit damage_of(std::vector<std::pair<Space, Entry>> entries, std::string_view input) {
    std::map<std::pair<Space, Bytes>, std::optional<Bytes>> changed;
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(input[at]); };
    while (input.size() >= 4) {
        auto& [space, entry] = entries[byte(1) % entries.size()];
        const auto kind = byte(0) % 4;
        const std::size_t place = byte(2);
        const char mask = input[3];
        std::size_t used = 4;
        if (kind == 0) {
            changed[{space, entry.key}] = std::nullopt;
        } else if (kind == 1) {
            entry.value[place % entry.value.size()] ^= mask;
        } else if (kind == 2) {
            entry.key[place % entry.key.size()] ^= mask;
        } else {
            entry.value = input.substr(4, place);
            used += entry.value.size();
            // Tables have a time there, whatever it is.
            entry.value.resize(std::max(entry.value.size(), kStoredAtBytes));
        }
        if (kind != 0) {
            changed[{space, entry.key}] = entry.value;
        }
        input.remove_prefix(used);
    }
    Commit commit;
    for (auto& [place, value] : changed) {
        if (value) {
            commit.puts.push_back({place.first, place.second, std::move(*value)});
        } else {
            commit.deletes.push_back({place.first, place.second});
        }
    }
    return commit;
}

// Reads a mailbox page by page. False: something cannot be read.
bool read_all(World& world, const MailboxId& mailbox) {
    std::optional<Cursor> after;
    for (int pages = 0;; ++pages) {
        PARLEY_ASSERT(pages < 100);  // a mailbox of a few events has an end
        const auto read = world.ask<Result<Read>>([&](Store& door, auto done) {
            door.read(mailbox, after, {.events = 2}, std::move(done));
        });
        if (!read) {
            expect_one_line(read.error().description);
            return false;
        }
        Sequence last = after ? after->sequence : Sequence();
        for (const StoredEvent& event : read->events) {
            PARLEY_ASSERT(event.sequence > last || read->reset);
            PARLEY_ASSERT(event.bytes != nullptr && event.sequence.value() < kSequenceEnd);
            last = event.sequence;
        }
        PARLEY_ASSERT(read->through >= last || read->reset);
        if (!read->more) {
            return true;
        }
        PARLEY_ASSERT(!read->events.empty());
        after = Cursor{world.door().epoch(), read->through};
    }
}

// All that can be asked of a mailbox. False: something cannot be read.
bool look_at(World& world, const MailboxId& mailbox) {
    bool readable = read_all(world, mailbox);
    const auto note = [&readable](const auto& answer) {
        if (!answer) {
            expect_one_line(answer.error().description);
            readable = false;
        }
    };
    note(world.ask<Result<Head>>(
        [&](Store& door, auto done) { door.head(mailbox, std::move(done)); }));
    note(world.ask<Result<UserState>>(
        [&](Store& door, auto done) { door.user(mailbox, std::move(done)); }));
    note(world.ask<Result<std::vector<DeviceSeen>>>(
        [&](Store& door, auto done) { door.devices(mailbox, std::move(done)); }));
    for (std::uint8_t number = 0; number < 6; ++number) {
        note(world.ask<Result<std::optional<Found>>>([&](Store& door, auto done) {
            door.find(mailbox, append_for("", number, 0)[0].key, std::move(done));
        }));
    }
    return readable;
}

// Goes on using it: what is answered as stored is there.
void use(World& world, const std::string& user) {
    const MailboxId mailbox = mailbox_of(user);
    const Appended answer = append(world, user, 77, 700).at(0);
    if (answer.outcome == Outcome::stored) {
        PARLEY_ASSERT(answer.sequence > answer.previous && answer.sequence.value() < kSequenceEnd);
        const auto found = world.ask<Result<std::optional<Found>>>([&](Store& door, auto done) {
            door.find(mailbox, append_for("", 77, 0)[0].key, std::move(done));
        });
        PARLEY_ASSERT(!found || (*found && (*found)->sequence == answer.sequence));
    }
    (void)world.ask<Result<void>>(
        [&](Store& door, auto done) { door.mark(mailbox, answer.sequence, std::move(done)); });
    (void)world.ask<Result<bool>>([&](Store& door, auto done) {
        door.forget_device(mailbox, DeviceId("desk"), std::move(done));
    });
    (void)world.ask<Result<Enrolled>>([&](Store& door, auto done) {
        door.enroll(mailbox, DeviceId("new"), true, {}, std::move(done));
    });
    const auto erased = world.ask<Result<bool>>(
        [&](Store& door, auto done) { door.erase(mailbox, std::move(done)); });
    if (erased && *erased) {
        PARLEY_ASSERT(look_at(world, mailbox));
    }
}

void play(std::string_view input) {
    static const MemoryDisk used = used_disk();
    MemoryDisk disk = used.copy(Epoch("damaged"));
    World world(disk);
    world.commit(damage_of(all_entries(world.table()), input));
    VerifyHooks hooks;
    hooks.finding = [](const std::string& where, const std::string& what) {
        PARLEY_ASSERT(!where.empty());
        expect_one_line(what);
    };
    hooks.progress = [](const VerifyCounts&) {};
    hooks.check_event = [](const StoredEvent&) { return Result<void>(); };
    const bool good = verify(world.table(), hooks).findings == 0;
    if (!world.open()) {
        PARLEY_ASSERT(!good);
        return;
    }
    bool readable = true;
    for (const char* user : {"alice", "bob", "carol"}) {
        readable = look_at(world, mailbox_of(user)) && readable;
    }
    const auto listed = world.ask<Result<std::vector<UserId>>>([](Store& door, auto done) {
        door.list(ApplicationKey("app"), UserId(), 100, std::move(done));
    });
    PARLEY_ASSERT(readable || !good);
    PARLEY_ASSERT(readable || world.door().trouble());
    for (const char* user : {"alice", "bob", "carol"}) {
        use(world, user);
    }
    world.advance(2h);
    if (const auto trouble = world.door().trouble()) {
        expect_one_line(*trouble);
    }
}

}  // namespace
}  // namespace parley::mailbox

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::mailbox::play({reinterpret_cast<const char*>(data), size});
    return 0;
}
