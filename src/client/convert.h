#pragma once

#include "client/local_store.h"
#include "wire/frames.h"

#include <cstddef>
#include <optional>
#include <vector>

// Between the frames of the wire and what the local store keeps.
namespace parley::client {

// The frame that submits an entry for its open recipients. The server fills in the sender, and an
// absent key with the id.
wire::Submit to_submit(const Message& message, const std::vector<UserId>& open);
Answer to_answer(wire::SubmitResult result);
// Nothing: an event of a kind that this version does not know.
std::optional<StoredEvent> to_stored(wire::Event event);
// About what an event takes in memory.
std::size_t event_bytes(const wire::Event& event);

}  // namespace parley::client
