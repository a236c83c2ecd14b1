#pragma once

#include "base/bytes.h"
#include "parley/result.h"
#include "wire/frames.h"

// Subprotocol parley.v1.json: the canonical protobuf JSON mapping, read and written at the server's
// edge, so that everything behind it knows plain frames only. Not in the lite flavour.
namespace parley::wire {

// A client's frame in JSON. 64-bit integers may be numbers or strings, default values may be left
// out, unknown fields are ignored; nesting is bounded. Errors: protocol_violation with one line
// that says what is wrong.
Result<ClientFrame> decode_client_json(BytesView json);
// lowerCamelCase, 64-bit integers as strings, fields without presence printed, map entries sorted:
// the same frame gives the same bytes.
Bytes encode_json(const ServerFrame& frame);

// The same between the two encodings. What the `to` functions are given comes from encode(), or was
// decoded before.
Result<Bytes> client_frame_from_json(BytesView json);
Bytes server_frame_to_json(BytesView frame);
// For tools and tests: the other two directions.
Bytes client_frame_to_json(BytesView frame);
Result<Bytes> server_frame_from_json(BytesView json);

}  // namespace parley::wire
