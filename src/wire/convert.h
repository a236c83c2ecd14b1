#pragma once

#include "parley/v1/wire.pb.h"
#include "wire/frames.h"

// Plain values <-> generated messages. The only header that names a generated type; for the .cc
// files of this folder. `from` functions take the strings out of the message they are given.
namespace parley::wire {

v1::Message to_generated(const Message& message);
v1::Cursor to_generated(const Cursor& cursor);
v1::Error to_generated(const Error& error);
v1::Sent to_generated(const Sent& sent);
v1::Delivered to_generated(const Delivered& delivered);
v1::ClientFrame to_generated(const ClientFrame& frame);
v1::ServerFrame to_generated(const ServerFrame& frame);

// Nothing: the body is missing or not known.
std::optional<ClientFrame> from_generated(v1::ClientFrame&& frame);
ServerFrame from_generated(v1::ServerFrame&& frame);
Event from_generated(v1::Event&& event);

// Serialized deterministically: maps sorted.
Bytes serialize(const google::protobuf::MessageLite& message);

}  // namespace parley::wire
