#pragma once

#include "base/bytes.h"
#include "wire/frames.h"

// Frames as canonical protobuf JSON, straight from the plain values: no white space, fields in the
// order of the schema, as few escapes as JSON allows, so that a frame's size stays in proportion to
// its content (spec/wire.md, "A session").
namespace parley::wire {

void append_json(Bytes& out, const Event& event);
void append_json(Bytes& out, const ClientFrame& frame);
void append_json(Bytes& out, const ServerFrame& frame);

}  // namespace parley::wire
