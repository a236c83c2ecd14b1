// The client's store on SQLite, every turn durable: messages into the outbox, and events out of the
// mailbox, in batches as a device that catches up records them.
#include "adapters/sqlite/sqlite_store.h"
#include "adapters/sqlite/testing/temp_folder.h"
#include "operations.h"

#include <cstdlib>
#include <memory>
#include <utility>

namespace parley::bench {
namespace {

class World {
  public:
    World() {
        store_ = sqlite::open_sqlite_store({folder_.path(), ""}, Logger(null_log())).value();
        const client::Binding binding{ApplicationKey("app"), UserId("alice"), std::nullopt,
                                      DeviceId("d"), 0};
        if (!store_->bind(binding)) {
            std::abort();
        }
        turn_.clock.server_ms = 1;
    }

    // Messages of one turn: enqueued and marked as submitted in it, answered in the next.
    void send(std::size_t count) {
        turn_.drafts.clear();
        turn_.answers = std::move(answers_);
        answers_.clear();
        for (std::size_t i = 0; i < count; ++i) {
            turn_.drafts.push_back({message(next_++), true, std::nullopt});
            answers_.push_back(
                {turn_.drafts.back().message.id, {{UserId("bob"), std::nullopt, 5}}, std::nullopt});
        }
        commit();
    }
    // Incoming messages recorded with the cursor; their callbacks are marked with the next batch.
    void record(std::size_t count) {
        turn_.events.clear();
        for (std::size_t i = 0; i < count; ++i) {
            turn_.events.push_back({1, client::IncomingEvent{message(next_++)}});
        }
        turn_.cursor = Cursor{Epoch("e"), Sequence(next_)};
        commit();
        turn_.done.clear();
        const auto callbacks = store_->callbacks(client::CallbackId(), 10'000, 1 << 26);
        for (const client::Callback& callback : callbacks.value()) {
            turn_.done.push_back(callback.id);
        }
    }

  private:
    static client::Message message(std::uint64_t number) {
        const std::string digits = std::to_string(number);
        client::Message message;
        message.id =
            MessageId("01890a5d-ac96-774b-bcce-" + std::string(12 - digits.size(), '0') + digits);
        message.key = ChainKey(message.id.value());
        message.sender = UserId("alice");
        message.recipients = {UserId("bob")};
        message.text = std::string(100, 'x');
        return message;
    }
    void commit() {
        if (!store_->commit(turn_)) {
            std::abort();
        }
    }

    const sqlite::TempFolder folder_;
    std::unique_ptr<client::LocalStore> store_;
    client::Turn turn_;
    std::vector<client::Answer> answers_;
    std::uint64_t next_ = 0;
};

Operation send(std::size_t count) {
    auto make = [count]() -> Task {
        return [world = std::make_unique<World>(), count] { world->send(count); };
    };
    return {"outbox/send/" + std::to_string(count), std::move(make), count, 0,
            count < 64 ? std::size_t{64} : std::size_t{16}};
}
Operation record(std::size_t count) {
    auto make = [count]() -> Task {
        return [world = std::make_unique<World>(), count] { world->record(count); };
    };
    return {"outbox/record events/" + std::to_string(count), std::move(make), count, 0,
            count < 64 ? std::size_t{64} : std::size_t{8}};
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    std::vector<parley::bench::Operation> all;
    for (const std::size_t count : {1, 64}) {
        all.push_back(parley::bench::send(count));
    }
    for (const std::size_t count : {1, 16, 64, 256}) {
        all.push_back(parley::bench::record(count));
    }
    return parley::bench::run(argc, argv, std::move(all));
}
