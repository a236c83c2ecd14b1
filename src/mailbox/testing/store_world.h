#pragma once

#include "base/limits.h"
#include "mailbox/store.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// What the tests of every mailbox::Store need of an engine, and words to write them in.
namespace parley::mailbox {

struct StoreSettings {
    std::chrono::seconds retention = std::chrono::hours(720);
    std::chrono::seconds retry_window = std::chrono::hours(12);
    std::uint64_t quota_pending_bytes = 0;
    std::uint64_t quota_retained_bytes = 0;
    std::uint32_t devices = 64;
    bool hold_for_unknown = false;
};

// One engine with two doors, on loops and clocks that the world moves.
class StoreWorld {
  public:
    virtual ~StoreWorld() = default;
    virtual Store& door() = 0;
    virtual Store& other_door() = 0;
    virtual io::Loop& loop() = 0;  // of door()
    // Runs all loops until `done`. False: it did not come to that.
    virtual bool run_until(const std::function<bool()>& done) = 0;
    // Moves both clocks, and lets everything run that becomes due.
    virtual void advance(Duration span) = 0;
    // Closes the store in order and opens it again on what was durable, with new doors.
    virtual void restart() = 0;
};
using MakeStoreWorld = std::unique_ptr<StoreWorld> (*)(const StoreSettings&);

inline MailboxId mailbox_of(const std::string& user) {
    return {ApplicationKey("app"), UserId(user)};
}
inline AppendKey key_of(const std::string& name) {
    AppendKey key{};
    // The tail differs first: engines may hash it.
    for (std::size_t i = 0; i < name.size() && i < key.size(); ++i) {
        key[key.size() - 1 - i] = static_cast<std::uint8_t>(name[name.size() - 1 - i]);
    }
    key[0] = static_cast<std::uint8_t>(name.size());
    return key;
}
inline SharedBytes shared(std::string bytes) {
    return std::make_shared<const Bytes>(std::move(bytes));
}
inline Append incoming(const std::string& user, const std::string& key, std::string bytes = "in",
                       SharedBytes body = nullptr) {
    return {mailbox_of(user), key_of(key), Needs::messaging, shared(std::move(bytes)),
            std::move(body)};
}
inline Append sent(const std::string& user, const std::string& key, std::string bytes = "sent") {
    return {mailbox_of(user), key_of(key), Needs::user, shared(std::move(bytes)), nullptr};
}
inline Cursor cursor_at(const Store& store, Sequence sequence) {
    return {store.epoch(), sequence};
}

// Calls that wait for their answer.
class Caller {
  public:
    explicit Caller(StoreWorld& world) : world_(world) {}

    template <typename T>
    T wait(const std::function<void(Store::Done<T>)>& call) {
        std::optional<T> answer;
        call([&](T value) { answer.emplace(std::move(value)); });
        EXPECT_FALSE(answer.has_value()) << "answered before the call returned";
        if (!world_.run_until([&] { return answer.has_value(); })) {
            ADD_FAILURE() << "no answer";
            std::abort();
        }
        return std::move(*answer);
    }

    std::vector<Appended> append(std::vector<Append> appends) {
        return wait<std::vector<Appended>>(
            [&](auto done) { world_.door().append(std::move(appends), std::move(done)); });
    }
    Appended append(Append one) {
        std::vector<Append> appends;
        appends.push_back(std::move(one));
        return append(std::move(appends)).at(0);
    }
    Store::Submitted submit(std::vector<Append> appends, Store::Finish finish) {
        return wait<Store::Submitted>([&](auto done) {
            world_.door().submit(std::move(appends), std::move(finish), std::move(done));
        });
    }
    std::vector<Store::Submitted> submit_all(std::vector<Store::Submission> submissions) {
        return wait<std::vector<Store::Submitted>>(
            [&](auto done) { world_.door().submit_all(std::move(submissions), std::move(done)); });
    }
    Enrolled enroll(const std::string& user, const std::string& device, bool messaging = true,
                    std::vector<DeviceId> live = {}) {
        const auto answer = wait<Result<Enrolled>>([&](auto done) {
            world_.door().enroll(mailbox_of(user), DeviceId(device), messaging, std::move(live),
                                 std::move(done));
        });
        EXPECT_TRUE(answer.has_value());
        return answer.value_or(Enrolled{});
    }
    Head head(const std::string& user) {
        auto answer = wait<Result<Head>>(
            [&](auto done) { world_.door().head(mailbox_of(user), std::move(done)); });
        EXPECT_TRUE(answer.has_value());
        return answer.value_or(Head{});
    }
    Read read(const std::string& user, std::optional<Cursor> after = std::nullopt,
              ReadLimit limit = {}) {
        auto answer = wait<Result<Read>>([&](auto done) {
            world_.door().read(mailbox_of(user), after, limit, std::move(done));
        });
        EXPECT_TRUE(answer.has_value());
        return answer.value_or(Read{});
    }
    // The bytes of all retained events.
    std::vector<std::string> contents(const std::string& user) {
        std::vector<std::string> bytes;
        for (const StoredEvent& event : read(user).events) {
            bytes.push_back(*event.bytes);
        }
        return bytes;
    }
    bool mark(const std::string& user, Sequence sequence) {
        return wait<Result<void>>([&](auto done) {
                   world_.door().mark(mailbox_of(user), sequence, std::move(done));
               })
            .has_value();
    }
    UserState user(const std::string& name) {
        return wait<Result<UserState>>(
                   [&](auto done) { world_.door().user(mailbox_of(name), std::move(done)); })
            .value_or(UserState{});
    }
    bool set_disabled(const std::string& user, bool disabled) {
        return wait<Result<void>>([&](auto done) {
                   world_.door().set_disabled(mailbox_of(user), disabled, std::move(done));
               })
            .has_value();
    }
    std::vector<std::string> devices(const std::string& user) {
        std::vector<std::string> names;
        const auto answer = wait<Result<std::vector<DeviceSeen>>>(
            [&](auto done) { world_.door().devices(mailbox_of(user), std::move(done)); });
        for (const DeviceSeen& one : answer.value()) {
            names.push_back(one.device.value());
        }
        return names;
    }
    bool forget_device(const std::string& user, const std::string& device) {
        return wait<Result<bool>>([&](auto done) {
                   world_.door().forget_device(mailbox_of(user), DeviceId(device), std::move(done));
               })
            .value_or(false);
    }
    bool erase(const std::string& user) {
        return wait<Result<bool>>(
                   [&](auto done) { world_.door().erase(mailbox_of(user), std::move(done)); })
            .value_or(false);
    }
    std::vector<std::string> list(const std::string& after = "", std::size_t count = 100) {
        std::vector<std::string> names;
        const auto answer = wait<Result<std::vector<UserId>>>([&](auto done) {
            world_.door().list(ApplicationKey("app"), UserId(after), count, std::move(done));
        });
        for (const UserId& user : answer.value()) {
            names.push_back(user.value());
        }
        return names;
    }

  private:
    StoreWorld& world_;
};

}  // namespace parley::mailbox
