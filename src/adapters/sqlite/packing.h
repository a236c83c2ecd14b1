#pragma once

#include "client/local_store.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

// How lists are kept in one column: each item is its length (4 bytes, little endian) and its bytes
// (spec/local_store.md). Reading stops at what does not fit: a damaged column costs its own list
// only.
namespace parley::sqlite {

std::string pack(const std::vector<UserId>& users);
std::string pack(const std::map<std::string, std::string>& headers);
std::string pack(const std::vector<client::RecipientFailure>& failures);

std::vector<UserId> unpack_users(std::string_view packed);
std::map<std::string, std::string> unpack_headers(std::string_view packed);
std::vector<client::RecipientFailure> unpack_failures(std::string_view packed);

}  // namespace parley::sqlite
