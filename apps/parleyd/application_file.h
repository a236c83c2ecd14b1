#pragma once

#include "io/entropy.h"
#include "parley/result.h"
#include "server/node.h"

#include <string>
#include <string_view>

namespace parley::parleyd {

// The file of one application: its key, its newest secret, its issuer and, between a rotation and
// the end of the secret before, that one. Where they lie: application_files.h.
//
// Errors (invalid_argument) name the file, what was found and what to do.

// DIR/application.json: made at the first start with a new key and secret, after that read. One
// that is there but broken is never replaced: whoever lost the secret of an application would lock
// out its users.
Result<server::Application> load_or_make_application(const std::string& path,
                                                     std::string_view issuer_prefix,
                                                     io::Entropy& entropy);

Result<server::Application> read_application(const std::string& path,
                                             std::string_view issuer_prefix);

// Replaces the file, or makes it. Durable and whole, or as before.
Result<void> write_application(const std::string& path, std::string_view issuer_prefix,
                               const server::Application& application);

// No token can name another one (protocol/token.h): 1 to 64 URL-safe characters.
bool is_application_key(std::string_view key);
std::string make_application_key(io::Entropy& entropy);
std::string make_application_secret(io::Entropy& entropy);

}  // namespace parley::parleyd
