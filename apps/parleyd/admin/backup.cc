#include "backup.h"

#include "adapters/asio/clock.h"
#include "admin/answer.h"
#include "admin/routes.h"
#include "time_text.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace parley::parleyd {
namespace {

// `damage` is what the store knows of its own: a copy of it is damaged, too.
io::HttpResponse answer_of(const Result<Manifest>& made, const std::string& to,
                           const std::optional<std::string>& damage) {
    if (!made) {
        return refuse(500, made.error().description);
    }
    nlohmann::ordered_json said{{"folder", to},
                                {"made", made->made},
                                {"epoch", made->epoch},
                                {"files", made->files.size()},
                                {"bytes", made->bytes()}};
    if (damage) {
        said["damage"] = *damage;
    }
    return answer(said);
}

// Copies on a thread of its own, one backup at a time. Destroying it waits for one under way.
class Backups {
  public:
    explicit Backups(BackupParts parts) : parts_(std::move(parts)) {}
    Backups(const Backups&) = delete;
    Backups& operator=(const Backups&) = delete;
    ~Backups() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    void start(std::string to, AdminRouter::Done done) {
        if (under_way_) {
            return done(refuse(409, "another backup is under way"));
        }
        if (to.empty() || to.front() != '/') {
            return done(refuse(400, "to: the absolute path of a new folder is expected"));
        }
        under_way_ = true;
        if (thread_.joinable()) {
            thread_.join();
        }
        thread_ = std::thread([this, to = std::move(to), done = std::move(done)]() mutable {
            auto made = make_backup(parts_.table, parts_.data, to,
                                    to_rfc3339(asio::SystemWallClock().now()));
            parts_.loop.post([this, alive = std::weak_ptr(alive_), to = std::move(to),
                              made = std::move(made), done = std::move(done)]() mutable {
                if (alive.lock()) {
                    under_way_ = false;
                    done(answer_of(made, to, parts_.store.status().trouble));
                }
            });
        });
    }

  private:
    BackupParts parts_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();
    bool under_way_ = false;
    std::thread thread_;
};

}  // namespace

void add_backup_routes(AdminRouter& router, BackupParts parts) {
    router.add("POST", "/v1/backup?to",
               [backups = std::make_shared<Backups>(std::move(parts))](const AdminRequest& request,
                                                                       AdminRouter::Done done) {
                   backups->start(std::string(request["to"]), std::move(done));
               });
}

}  // namespace parley::parleyd
