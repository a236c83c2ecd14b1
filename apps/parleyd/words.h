#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// What the commands and the routes of administration say to people.
namespace parley::parleyd {

// What somebody typed, as it may stand in a line for people: at most 64 characters, and none that
// could steer a terminal.
std::string shown(std::string_view text);

// "1 mailbox", "0 mailboxes", "17 mailboxes".
std::string counted(std::uint64_t count, std::string_view one, std::string_view many);
// The same where an s makes the plural: "1 user", "2 users".
std::string counted(std::uint64_t count, std::string_view one);

}  // namespace parley::parleyd
