#pragma once

#include "base/bytes.h"
#include "parley/result.h"

#include <string>

// Subprotocol parley.v1.json: the canonical protobuf JSON mapping, turned into protobuf frames and
// back at the server's edge, so that everything behind it knows bytes only. Not in the lite
// flavour.
namespace parley::wire {

// A client's JSON frame as protobuf bytes. Unknown fields are ignored. Errors: protocol_violation.
Result<Bytes> client_frame_from_json(BytesView json);
// A server's protobuf frame as JSON: lowerCamelCase, 64-bit integers as strings, fields without
// presence printed.
Bytes server_frame_to_json(BytesView frame);
// For tools and tests: the other two directions.
Bytes client_frame_to_json(BytesView frame);
Result<Bytes> server_frame_from_json(BytesView json);

}  // namespace parley::wire
