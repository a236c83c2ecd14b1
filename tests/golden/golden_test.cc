// The bytes of today are those that devices and stores of yesterday understand: spec/golden is
// frozen. A new sample is added by copying what this test writes beside the programs; a changed one
// breaks the protocol.
#include "wire/json.h"
#include "wire/stored_event.h"
#include "wire/testing/samples.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace parley::wire {
namespace {

void expect_golden(const std::string& name, const Bytes& bytes) {
    std::ifstream in(PARLEY_SOURCE_DIR "/spec/golden/" + name, std::ios::binary);
    const Bytes frozen((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (in && frozen == bytes) {
        return;
    }
    const std::filesystem::path folder = PARLEY_BIN_DIR "/golden";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / name, std::ios::binary) << bytes;
    ADD_FAILURE() << "spec/golden/" << name << " differs from " << (folder / name);
}

TEST(Golden, ClientFramesHaveTheirFrozenBytes) {
    for (const auto& [name, frame] : testing::sample_client_frames()) {
        const Bytes bytes = encode(frame);
        expect_golden("client_" + name + ".pb", bytes);
        expect_golden("client_" + name + ".json", client_frame_to_json(as_bytes(bytes)));
    }
}

TEST(Golden, ServerFramesHaveTheirFrozenBytes) {
    for (const auto& [name, frame] : testing::sample_server_frames()) {
        expect_golden("server_" + name + ".pb", encode(frame));
        expect_golden("server_" + name + ".json", encode_json(frame));
    }
}

// spec/storage.md, "Events"
TEST(Golden, StoredEventsHaveTheirFrozenBytes) {
    const Message message = testing::sample_message();
    const Events events = testing::sample_events();
    expect_golden("stored_body.pb", encode_body(message));
    expect_golden("stored_incoming.pb", encode_incoming(message));
    expect_golden("stored_sent.pb", encode_sent(std::get<Sent>(events.events[1].kind)));
    expect_golden("stored_delivered.pb",
                  encode_delivered(std::get<Delivered>(events.events[2].kind)));
}

}  // namespace
}  // namespace parley::wire
