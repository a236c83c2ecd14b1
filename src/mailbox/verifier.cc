#include "mailbox/verifier.h"

#include "base/try.h"
#include "mailbox/records.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

namespace parley::mailbox {
namespace {

constexpr std::size_t kKnownBodies = 64 * 1024;
constexpr std::size_t kKeysAtOnce = 256;

Error wrong(std::string what) {
    return make_error(ErrorCode::store_failed, std::move(what));
}

class Verifier {
  public:
    Verifier(Table& table, const VerifyHooks& hooks) : table_(table), hooks_(hooks) {}

    VerifyCounts run() {
        if (auto clock = read_clock(); !clock) {
            find("the clock", clock.error());
        }
        auto users = pages(Space::state, all_users(), [this](const Entry& entry) {
            user(entry);
            return Result<void>();
        });
        if (!users) {
            find("the users, somewhere after " + std::to_string(counts_.users), users.error());
        }
        // Where something could not be read the difference says nothing.
        if (counts_.findings == 0) {
            strangers(Space::events, with_events_, "events");
            strangers(Space::keys, with_keys_, "append keys");
        }
        return counts_;
    }

  private:
    // What is known of the mailbox at hand.
    struct Mailbox {
        MailboxKey key{};
        std::string name;  // "user bob, mailbox 0a1b"
        UserRecord record;
        std::uint64_t live = 0;  // events that cannot have expired
        std::uint64_t last = 0;
        std::optional<EventRecord> before;  // the last one that cannot; its views are void
    };

    void find(const std::string& where, const Error& error) {
        ++counts_.findings;
        hooks_.finding(where, error.description);
    }

    // Calls `each` with every entry of the range; its first error, or the table's, ends it.
    template <typename Each>
    Result<void> pages(Space space, KeyRange range, Each each) {
        while (true) {
            PARLEY_TRY(const auto entries, table_.scan(space, {range.from, range.to}));
            if (entries.empty()) {
                return {};
            }
            for (const Entry& entry : entries) {
                PARLEY_CHECK(each(entry));
            }
            range.from = entries.back().key + '\0';
            hooks_.progress(counts_);
        }
    }

    Result<void> read_clock() {
        PARLEY_TRY(const auto value, table_.get(Space::state, clock_key()));
        if (value) {
            PARLEY_TRY(clock_, decode_clock(*value));
        }
        return {};
    }

    void user(const Entry& entry) {
        ++counts_.users;
        const auto id = id_of_user(entry.key);
        if (!id) {
            return find("a user's key", id.error());
        }
        Mailbox mailbox;
        mailbox.key = mailbox_key(*id);
        mailbox.name = "user " + id->user.value() + ", mailbox " + name_of(mailbox.key);
        const auto record = decode_user(entry.value);
        if (!record) {
            return find(mailbox.name, record.error());
        }
        mailbox.record = *record;
        for (const Result<void>& read : {devices(mailbox), events(mailbox), keys(mailbox)}) {
            if (!read) {
                find(mailbox.name, read.error());
            }
        }
    }

    Result<void> devices(const Mailbox& mailbox) {
        return pages(Space::state, devices_of(mailbox.key),
                     [this](const Entry& entry) -> Result<void> {
                         ++counts_.devices;
                         PARLEY_CHECK(device_of(entry.key));
                         PARLEY_CHECK(decode_device(entry.value));
                         return {};
                     });
    }

    Result<void> events(Mailbox& mailbox) {
        const std::uint64_t before = counts_.events;
        const auto each = [&](const Entry& entry) {
            ++counts_.events;
            if (auto good = event(mailbox, entry); !good) {
                find(mailbox.name + ", event " + std::to_string(mailbox.last), good.error());
            }
            return Result<void>();
        };
        PARLEY_CHECK(pages(Space::events, events_of(mailbox.key), each));
        with_events_ += counts_.events > before ? 1 : 0;
        const std::uint64_t shown = std::max(mailbox.last, mailbox.record.ceiling);
        if (mailbox.record.mark > shown || mailbox.last > mailbox.record.ceiling) {
            return unexpected(wrong("its record says less than was given out: ceiling " +
                                    std::to_string(mailbox.record.ceiling) + ", mark " +
                                    std::to_string(mailbox.record.mark) + ", last event " +
                                    std::to_string(mailbox.last)));
        }
        return {};
    }

    Result<void> event(Mailbox& mailbox, const Entry& entry) {
        PARLEY_TRY(mailbox.last, sequence_of(entry.key));
        PARLEY_TRY(const EventRecord record, decode_event(entry.value));
        counts_.bytes += record.size();
        const bool is_live = record.at >= clock_.expired;
        if (is_live) {
            ++mailbox.live;
            PARLEY_CHECK(follows(mailbox, record));
            mailbox.before = record;
        }
        StoredEvent event{Sequence(mailbox.last), record.at,
                          std::make_shared<const Bytes>(record.bytes), nullptr};
        if (record.reference && is_live) {
            PARLEY_TRY(event.body, body(*record.reference, record.body_size));
        } else if (record.reference) {
            return {};  // nobody reads it again, and its body may be gone with its day
        } else if (record.body) {
            event.body = std::make_shared<const Bytes>(*record.body);
        }
        return hooks_.check_event(event);
    }

    // Times and counters never go down within a mailbox.
    static Result<void> follows(const Mailbox& mailbox, const EventRecord& record) {
        const auto& before = mailbox.before;
        if (before && record.at < before->at) {
            return unexpected(wrong("it is older than the one before it"));
        }
        if (before && (record.incoming_before < before->incoming_after() ||
                       record.bytes_before < before->bytes_after())) {
            return unexpected(wrong("its counters are below those of the one before it"));
        }
        return {};
    }

    Result<SharedBytes> body(const BodyReference& reference, std::uint64_t size) {
        const Bytes key = body_key(reference.day, reference.content);
        PARLEY_TRY(auto value, table_.get(Space::bodies, key));
        if (!value) {
            return unexpected(wrong("its body is missing"));
        }
        if (known_bodies_.size() >= kKnownBodies) {
            known_bodies_.clear();
        }
        if (known_bodies_.insert(key).second && sha256(*value) != reference.content) {
            return unexpected(wrong("its body is not the one that its name stands for"));
        }
        if (value->size() != size) {
            return unexpected(wrong("its body has another size than it says"));
        }
        return std::make_shared<const Bytes>(std::move(*value));
    }

    Result<void> keys(const Mailbox& mailbox) {
        const std::uint64_t before = counts_.keys;
        std::uint64_t found = 0;
        std::vector<KeyRecord> some;
        const auto each = [&](const Entry& entry) -> Result<void> {
            ++counts_.keys;
            PARLEY_TRY(const KeyRecord record, decode_key(entry.value));
            // What it answers may have expired before it does.
            if (record.at >= clock_.expired) {
                some.push_back(record);
            }
            if (some.size() == kKeysAtOnce) {
                PARLEY_CHECK(lead_to_events(mailbox, some, found));
            }
            return {};
        };
        PARLEY_CHECK(pages(Space::keys, append_keys_of(mailbox.key), each));
        PARLEY_CHECK(lead_to_events(mailbox, some, found));
        with_keys_ += counts_.keys > before ? 1 : 0;
        if (found != mailbox.live) {
            return unexpected(wrong(std::to_string(mailbox.live) + " events, and " +
                                    std::to_string(found) + " append keys that lead to one"));
        }
        return {};
    }

    Result<void> lead_to_events(const Mailbox& mailbox, std::vector<KeyRecord>& records,
                                std::uint64_t& found) {
        std::vector<Bytes> keys;
        for (const KeyRecord& record : records) {
            keys.push_back(event_key(mailbox.key, record.sequence));
        }
        PARLEY_TRY(const auto values, table_.get_many(Space::events, keys));
        for (std::size_t i = 0; i < values.size(); ++i) {
            const std::string where =
                mailbox.name + ", event " + std::to_string(records[i].sequence);
            if (!values[i]) {
                find(where, wrong("an append key leads to it, and it is missing"));
                continue;
            }
            ++found;
            if (const auto event = decode_event(*values[i]); event && event->at != records[i].at) {
                find(where, wrong("its append key has another time"));
            }
        }
        records.clear();
        return {};
    }

    // Mailboxes in the space that are no user's: counted by one look at each.
    void strangers(Space space, std::uint64_t known, const char* what) {
        std::uint64_t mailboxes = 0;
        ScanOptions options{Bytes(), Bytes(MailboxKey().size() + 32, '\xff')};
        options.entries = 1;
        while (true) {
            const auto entries = table_.scan(space, options);
            if (!entries) {
                return find(what, entries.error());
            }
            if (entries->empty()) {
                break;
            }
            ++mailboxes;
            options.from = entries->front().key.substr(0, MailboxKey().size()) +
                           Bytes(MailboxKey().size() + 1, '\xff');
        }
        if (mailboxes != known) {
            find(what, wrong("of " + std::to_string(mailboxes) + " mailboxes, " +
                             std::to_string(known) + " belong to a user"));
        }
    }

    Table& table_;
    const VerifyHooks& hooks_;
    VerifyCounts counts_;
    ClockRecord clock_;
    std::uint64_t with_events_ = 0;
    std::uint64_t with_keys_ = 0;
    std::unordered_set<Bytes> known_bodies_;
};

}  // namespace

VerifyCounts verify(Table& table, const VerifyHooks& hooks) {
    return Verifier(table, hooks).run();
}

}  // namespace parley::mailbox
