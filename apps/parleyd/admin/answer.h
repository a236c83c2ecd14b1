#pragma once

#include "admin/router.h"
#include "base/ids.h"
#include "parley/error.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

// What the routes have in common: reading what was asked, writing what is answered.
namespace parley::parleyd {

io::HttpResponse answer(const nlohmann::ordered_json& json);
// Of the store, or of a file: 503.
io::HttpResponse refuse(const Error& error);

// {application} and {user} of a path; nothing if one of them cannot be the name of any.
std::optional<MailboxId> mailbox_of(const AdminRequest& request);
// The number behind this name of the query: 1 to `most`. Given wrongly or not at all: `most` or
// `otherwise`.
std::size_t number_of(const AdminRequest& request, std::string_view name, std::size_t otherwise,
                      std::size_t most);

}  // namespace parley::parleyd
