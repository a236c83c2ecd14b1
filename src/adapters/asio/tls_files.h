#pragma once

#include "parley/error.h"

#include <string>

// What an operator is told of a file that TLS cannot use. For this folder.
namespace parley::asio {

enum class Pem { certificate, private_key, authorities };

// Why OpenSSL, which was just asked to, took nothing of this kind from this file: found by looking
// at the file, since OpenSSL's own words ("PEM lib") are for programmers. Begins with the path,
// ends with what to do; forgets what OpenSSL noted. invalid_argument.
Error pem_error(Pem wanted, const std::string& file);

// True if OpenSSL noted last that certificate and key are no pair.
bool is_key_mismatch();

}  // namespace parley::asio
