#pragma once

#include "admin/router.h"
#include "base/ids.h"
#include "io/loop.h"
#include "mailbox/store.h"

#include <functional>
#include <vector>

namespace parley::parleyd {

// What a trace works on. All of it outlives the router.
struct TraceParts {
    io::Loop& requests;     // the loop of the requests
    io::Loop& background;   // where mailboxes are read: nobody's message waits for it
    mailbox::Store& store;  // the door there
    // The applications there are. Called on the loop of the requests.
    std::function<std::vector<ApplicationKey>()> applications;
    // A search ends with its request. Otherwise an answer may say where the next request goes on,
    // so that none of them takes long.
    bool whole = false;
};

// GET /v1/trace/{message}: docs/operations/trace.md.
void add_trace_routes(AdminRouter& router, TraceParts parts);

}  // namespace parley::parleyd
