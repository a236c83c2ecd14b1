#pragma once

#include "admin/router.h"
#include "application_files.h"
#include "base/log.h"
#include "io/loop.h"
#include "mailbox/log_store.h"
#include "mailbox/table.h"
#include "server/node.h"

#include <string>

namespace parley::parleyd {

// What the routes work on. All of it outlives the router and is touched on the loop of the requests
// alone, which is the node's first.
struct AdminParts {
    mailbox::LogStore& log_store;
    mailbox::Store& store;  // the door of that loop
    ApplicationFiles& applications;
    server::Node* node;  // null: no server runs, so there are no sessions
    Logger log;
};

// For backups. All of it outlives the router.
struct BackupParts {
    io::Loop& loop;  // of the requests
    mailbox::Table& table;
    const mailbox::LogStore& store;
    std::string data;  // the data folder
};

// What can be asked, by topic: docs/operations/administration.md.
void add_backup_routes(AdminRouter& router, BackupParts parts);
// `loop` is that of the requests and outlives the router.
void add_clock_routes(AdminRouter& router, AdminParts parts, io::Loop& loop);
void add_application_routes(AdminRouter& router, AdminParts parts);
void add_user_routes(AdminRouter& router, AdminParts parts);
void add_device_routes(AdminRouter& router, AdminParts parts);
void add_session_routes(AdminRouter& router, AdminParts parts);

// Ends the sessions that fit with this Goodbye; `done` hears how many.
void end_sessions(const AdminParts& parts, server::SessionFilter filter, Error error,
                  UniqueFunction<void(std::size_t)> done);

}  // namespace parley::parleyd
