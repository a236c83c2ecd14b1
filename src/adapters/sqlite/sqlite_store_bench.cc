#include "adapters/sqlite/sqlite_store.h"
#include "adapters/sqlite/testing/temp_folder.h"

#include <benchmark/benchmark.h>
#include <string>
#include <utility>

namespace parley::sqlite {
namespace {

std::unique_ptr<client::LocalStore> open(const TempFolder& folder) {
    auto store = open_sqlite_store({folder.path(), ""}, Logger(null_log()));
    (void)(*store)->bind({ApplicationKey("app"), UserId("alice"), std::nullopt, DeviceId("d"), 0});
    return std::move(*store);
}

std::string id(std::int64_t number) {
    std::string digits = std::to_string(number);
    return "01890a5d-ac96-774b-bcce-" + std::string(12 - digits.size(), '0') + digits;
}

client::Message message(std::int64_t number) {
    client::Message message;
    message.id = MessageId(id(number));
    message.key = ChainKey(message.id.value());
    message.sender = UserId("bob");
    message.recipients = {UserId("alice")};
    message.text = std::string(100, 'x');
    return message;
}

// Events recorded in batches, then their callbacks marked with the next batch: what catching up
// costs.
void record_incoming(benchmark::State& state) {
    const TempFolder folder;
    auto store = open(folder);
    std::int64_t next = 0;
    client::Turn turn;
    turn.clock.server_ms = 1;
    for (auto _ : state) {
        turn.events.clear();
        for (std::int64_t i = 0; i < state.range(0); ++i) {
            turn.events.push_back({1, client::IncomingEvent{message(next++)}});
        }
        turn.cursor = Cursor{Epoch("e"), Sequence(static_cast<std::uint64_t>(next))};
        if (!store->commit(turn)) {
            state.SkipWithError("commit failed");
        }
        turn.done.clear();
        auto callbacks = store->callbacks(client::CallbackId(), 10'000, 1 << 26);
        for (const client::Callback& callback : *callbacks) {
            turn.done.push_back(callback.id);
        }
    }
    state.SetItemsProcessed(next);
}
BENCHMARK(record_incoming)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

// One message per turn: enqueued and marked as submitted in the turn, answered in the next.
void send(benchmark::State& state) {
    const TempFolder folder;
    auto store = open(folder);
    std::int64_t next = 0;
    client::Turn turn;
    turn.clock.server_ms = 1;
    for (auto _ : state) {
        turn.drafts.clear();
        turn.answers.clear();
        for (std::int64_t i = 0; i < state.range(0); ++i) {
            if (next >= state.range(0)) {
                turn.answers.push_back({MessageId(id(next - state.range(0))),
                                        {{UserId("alice"), std::nullopt, 5}},
                                        std::nullopt});
            }
            turn.drafts.push_back({message(next++), true, std::nullopt});
        }
        if (!store->commit(turn)) {
            state.SkipWithError("commit failed");
        }
    }
    state.SetItemsProcessed(next);
}
BENCHMARK(send)->Arg(1)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace parley::sqlite
