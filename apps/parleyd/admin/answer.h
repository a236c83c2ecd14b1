#pragma once

#include "admin/router.h"
#include "base/ids.h"
#include "parley/error.h"

#include <nlohmann/json_fwd.hpp>

// What the routes have in common: reading what was asked, writing what is answered.
namespace parley::parleyd {

// Of users or sessions: in an answer where no limit is given.
inline constexpr std::size_t kListed = 1000;

io::HttpResponse answer(const nlohmann::ordered_json& json);
// Of the store, or of a file: 503.
io::HttpResponse refuse(const Error& error);
// 404, in the same words everywhere.
io::HttpResponse no_application(const ApplicationKey& application);
io::HttpResponse no_user(const MailboxId& mailbox);

// {application} and {user} of a path.
MailboxId mailbox_of(const AdminRequest& request);
// The "limit" of the query, or kListed.
std::size_t limit_of(const AdminRequest& request);

}  // namespace parley::parleyd
