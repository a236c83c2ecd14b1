#include "admin/answer.h"
#include "admin/routes.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace parley::parleyd {

void add_clock_routes(AdminRouter& router, AdminParts parts, io::Loop& loop) {
    router.add(
        "POST", "/v1/clock/confirm",
        [&store = parts.log_store, &loop](const AdminRequest&, AdminRouter::Done done) {
            store.confirm_clock([&loop, done = std::move(done)](Result<void> written) mutable {
                loop.post([written = std::move(written), done = std::move(done)]() mutable {
                    done(written ? answer({{"status", "confirmed"}}) : refuse(written.error()));
                });
            });
        });
}

}  // namespace parley::parleyd
