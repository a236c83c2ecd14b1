#pragma once

#include "admin/router.h"
#include "mailbox/log_store.h"

namespace parley::parleyd {

// What the routes work on. All of it outlives the router. Touched on the loop of the requests.
struct AdminParts {
    mailbox::LogStore& store;
};

// What can be asked, by topic: docs/operations/administration.md.
void add_clock_routes(AdminRouter& router, AdminParts parts);

}  // namespace parley::parleyd
