#include "admin/routes.h"

namespace parley::parleyd {

void add_clock_routes(AdminRouter& router, AdminParts parts) {
    router.add("POST", "/v1/clock/confirm",
               [&store = parts.log_store](const AdminRequest&, AdminRouter::Done done) {
                   store.confirm_clock();
                   io::HttpResponse response;
                   response.body = "{\"status\": \"confirmed\"}\n";
                   done(std::move(response));
               });
}

}  // namespace parley::parleyd
