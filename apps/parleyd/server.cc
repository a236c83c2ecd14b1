#include "server.h"

#include "adapters/asio/acceptor.h"
#include "admin/routes.h"
#include "admin/trace.h"
#include "application_file.h"
#include "base/try.h"
#include "certificate.h"
#include "ownership.h"
#include "process.h"
#include "table.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace parley::parleyd {
namespace {

// For the store's files, administration, and what else is open.
constexpr std::uint64_t kOtherDescriptors = 1024;
constexpr std::size_t kAdminConnections = 64;
// Of a command on control.sock: a backup may take long.
constexpr std::chrono::hours kAdminPatience{6};
constexpr int kBackgroundNice = 10;

// Nothing may be said after a write whose outcome nobody knows: the process ends here and now,
// before any answer that waits can leave. The next start reads what the disk really has.
[[noreturn]] void end_after_fatal_write(StderrLog& sink, const Error& error) {
    Logger(sink).error("store.write_failed", {{"error", error.description}});
    sink.say("parleyd: the store cannot be written: " + error.description +
             "; nothing more is answered; see to the disk and start again");
    sink.flush();
    ::_exit(exit_code::kFatalWrite);
}

asio::ListenOptions listen_at(const Address& address) {
    asio::ListenOptions options;
    options.host = address.host;
    options.port = address.port;
    return options;
}

}  // namespace

Server::Server(const Settings& settings, std::uint64_t descriptors, StderrLog& log,
               std::map<std::string, std::string> where)
    : settings_(settings),
      where_(std::move(where)),
      descriptors_(descriptors),
      sink_(log),
      log_(log) {}

Server::~Server() {
    stop();
}

Result<void> Server::open() {
    PARLEY_CHECK(open_folder());
    const std::uint32_t threads =
        connection_threads(settings_.threads, std::thread::hardware_concurrency());
    for (std::uint32_t i = 0; i < threads; ++i) {
        loops_.push_back(std::make_unique<asio::AsioLoop>());
    }
    // Before the store: a wrong certificate or application file is found without its recovery.
    std::error_code ignored;
    const bool is_old = std::filesystem::exists(folder_->application_file(), ignored);
    PARLEY_CHECK(load_or_make_application(folder_->application_file(), settings_.node.issuer_prefix,
                                          entropy_));
    PARLEY_CHECK(applications_->reload());
    if (!is_old && folder_->has_store()) {
        log_.warn("application.created_anew",
                  {{"file", folder_->application_file()},
                   {"advice",
                    "there is a store, and all mailboxes of its old application key are "
                    "out of reach until the old file is put back"}});
    }
    if (!settings_.tls_cert.empty()) {
        PARLEY_TRY(tls_, load_tls(settings_, where_));
        warn_of_certificate();
    }
    PARLEY_CHECK(open_store());
    open_node();
    open_watching();
    PARLEY_CHECK(open_administration());
    PARLEY_CHECK(open_public());
    return {};
}

Result<io::HttpResponse> Server::administer(const io::HttpRequest& request) {
    PARLEY_CHECK(open_folder());
    PARLEY_CHECK(applications_->reload());
    PARLEY_CHECK(open_store());
    make_router(*store_loop_, nullptr);
    io::HttpResponse answer;
    store_loop_->post([&] {
        admin_router_->handle(request, [&](io::HttpResponse response) {
            answer = std::move(response);
            // What it did is durable before it is said.
            store_->drain([this] { store_loop_->stop(); });
        });
    });
    store_loop_->run();
    return answer;
}

Result<void> Server::open_folder() {
    PARLEY_CHECK(check_usable(settings_.data));
    PARLEY_TRY(folder_, DataFolder::open(settings_.data));
    applications_ =
        std::make_unique<ApplicationFiles>(folder_->path(), settings_.node.issuer_prefix, entropy_);
    store_loop_ = std::make_unique<asio::AsioLoop>();
    return {};
}

Result<void> Server::open_store() {
    const bool epoch_is_lost = folder_->has_store() && !folder_->has_epoch();
    PARLEY_TRY(table_, open_table(settings_, folder_->store(), *store_loop_, log_));
    if (epoch_is_lost) {
        log_.info("store.epoch_new", {{"epoch", table_->epoch().value()}});
    }
    mailbox::LogStoreOptions options;
    options.retention = settings_.node.limits.retention;
    options.retry_window = settings_.node.limits.retry_window;
    options.quota_pending_bytes = settings_.node.server.quota_pending_bytes;
    options.quota_retained_bytes = settings_.node.server.quota_retained_bytes;
    options.devices = settings_.node.server.devices;
    options.hold_for_unknown = settings_.unknown_recipients == UnknownRecipients::hold;
    options.on_fatal = [&sink = sink_](const Error& error) { end_after_fatal_write(sink, error); };
    auto opened = mailbox::LogStore::open(*table_, *store_loop_, clock_, std::move(options), log_);
    if (!opened) {
        return unexpected(make_error(ErrorCode::store_failed, opened.error().description));
    }
    store_ = std::move(opened).value();
    return {};
}

void Server::open_node() {
    server::NodeOptions options = settings_.node;
    options.connections_per_loop = sessions_per_loop(connection_limit(), loops_.size());
    std::vector<server::Node::Place> places;
    for (const auto& loop : loops_) {
        places.push_back({loop.get(), store_->door(*loop)});
    }
    node_ = std::make_unique<server::Node>(std::move(options), applications_->applications(),
                                           std::move(places), clock_, entropy_, log_);
}

void Server::open_watching() {
    background_ = std::make_unique<asio::AsioLoop>();
    Watching::Parts parts;
    parts.store_loop = store_loop_.get();
    for (const auto& loop : loops_) {
        parts.loops.push_back(loop.get());
    }
    parts.background = background_.get();
    parts.store = store_.get();
    parts.log = &sink_;
    asio::AdmissionLimits limits = settings_.admission;
    limits.connections = connection_limit();
    admission_ = std::make_shared<asio::Admission>(limits);
    parts.admission = admission_.get();
    parts.tls = tls_.get();
    watching_ = std::make_unique<Watching>(std::move(parts));
    node_->set_probes(watching_->probes());
}

Result<void> Server::open_public() {
    asio::ListenOptions options = listen_at(settings_.listen);
    const std::size_t frame = settings_.node.limits.frame_bytes;
    using Kind = asio::Subprotocol::Kind;
    // A JSON frame may be twice as long (spec/wire.md).
    options.subprotocols = {{"parley.v1.proto", Kind::binary, frame},
                            {"parley.v1.json", Kind::text, 2 * frame}};
    options.tls = tls_;
    options.admission = admission_;
    options.trusted_proxies = settings_.trusted_proxies;
    // Nothing here takes one, and strangers must not fill the memory with what they promise to end.
    options.body_bytes = 0;
    // From the connection to the upgrade as long as from there to the Hello.
    options.request_timeout = settings_.node.server.hello_timeout;
    std::vector<asio::LoopHandlers> handlers;
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        handlers.push_back({loops_[i].get(), &node_->channels(i), &node_->public_requests(i)});
    }
    PARLEY_TRY(public_, asio::listen(std::move(options), std::move(handlers), log_));
    return {};
}

Result<void> Server::open_administration() {
    const auto open = [this](asio::ListenOptions options, io::RequestHandler& requests) {
        options.admission = std::make_shared<asio::Admission>(
            asio::AdmissionLimits{.connections = kAdminConnections});
        return asio::listen(std::move(options), {{loops_.front().get(), nullptr, &requests}}, log_);
    };
    io::RequestHandler& everywhere = node_->admin_requests(0);
    make_router(*loops_.front(), &everywhere);
    asio::ListenOptions control;
    control.unix_path = folder_->control_socket();
    control.answer_timeout = kAdminPatience;
    PARLEY_TRY(control_, open(std::move(control), *admin_router_));
    if (settings_.admin_listen) {
        PARLEY_TRY(admin_, open(listen_at(*settings_.admin_listen), everywhere));
    }
    return {};
}

void Server::make_router(io::Loop& loop, io::RequestHandler* rest) {
    admin_store_ = store_->door(loop);
    admin_router_ = std::make_unique<AdminRouter>(rest);
    const AdminParts parts{*store_, *admin_store_, *applications_, node_.get(), log_};
    add_application_routes(*admin_router_, parts);
    add_user_routes(*admin_router_, parts);
    add_session_routes(*admin_router_, parts);
    add_device_routes(*admin_router_, parts);
    add_clock_routes(*admin_router_, parts, loop);
    add_backup_routes(*admin_router_, {loop, *table_, *store_, settings_.data});
    // Without a server there is one loop, and nobody to wait for it.
    io::Loop& background = background_ ? *background_ : *store_loop_;
    background_door_ = store_->door(background);
    TraceParts trace{loop, background, *background_door_, [this] { return application_keys(); },
                     !background_};
    add_trace_routes(*admin_router_, std::move(trace));
}

std::vector<ApplicationKey> Server::application_keys() const {
    std::vector<ApplicationKey> keys;
    for (const ApplicationFiles::Entry& entry : applications_->entries()) {
        keys.push_back(entry.application.key);
    }
    return keys;
}

std::uint32_t Server::connection_limit() const {
    const std::uint64_t other = std::min(kOtherDescriptors, descriptors_ / 4 * 3);
    const std::uint64_t most = std::max<std::uint64_t>(descriptors_ - other, 16);
    const std::uint64_t wanted = settings_.connections == 0 ? most : settings_.connections;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>({wanted, most, UINT32_MAX}));
}

void Server::run() {
    if (settings_.connections > connection_limit()) {
        log_.warn("server.connections_capped",
                  {{"wanted", settings_.connections}, {"open_files", descriptors_}});
    }
    if (descriptors_ < 2 * kOtherDescriptors) {
        log_.warn("server.few_descriptors",
                  {{"open_files", descriptors_}, {"connections", connection_limit()}});
    }
    threads_.emplace_back([this] { store_loop_->run(); });
    threads_.emplace_back([this] {
        // Only this thread's: its work waits behind all other.
        if (::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kBackgroundNice) != 0) {
            log_.warn("server.background_not_nice",
                      {{"error", std::system_category().message(errno)},
                       {"advice",
                        "let the process call setpriority: a search competes with "
                        "messages for the processor"}});
        }
        background_->run();
    });
    for (const auto& loop : loops_) {
        threads_.emplace_back([&loop] { loop->run(); });
    }
    log_.info("server.started", {{"version", PARLEY_VERSION},
                                 {"threads", std::uint64_t{loops_.size()}},
                                 {"connections", connection_limit()},
                                 {"tls", tls_ != nullptr}});
}

void Server::drain(Task drained) {
    loops_.front()->post([this] { public_->stop(); });
    // First the sessions, so that what they submitted is answered; then what the store has taken.
    node_->drain([this, drained = std::move(drained)]() mutable {
        store_loop_->post(
            [this, drained = std::move(drained)]() mutable { store_->drain(std::move(drained)); });
    });
}

Result<void> Server::reload_certificate() {
    if (tls_) {
        const auto judge = [this](const asio::CertificateValidity& next) {
            return judge_successor(settings_.tls_cert, tls_->validity(), next, clock_.now());
        };
        if (const auto reloaded = tls_->reload(judge); !reloaded) {
            return unexpected(tls_error(settings_, where_, reloaded.error()));
        }
        log_.info("certificate.reloaded", {{"file", settings_.tls_cert},
                                           {"from", date(tls_->validity().from)},
                                           {"until", date(tls_->validity().until)}});
        warn_of_certificate();
    }
    return {};
}

void Server::warn_of_certificate() {
    if (const auto warning =
            certificate_warning(settings_.tls_cert, tls_->validity(), clock_.now())) {
        log_.warn("certificate.attention", {{"problem", *warning}});
    }
}

std::vector<io::Loop*> Server::loops() const {
    std::vector<io::Loop*> all{store_loop_.get()};
    for (const auto& loop : loops_) {
        all.push_back(loop.get());
    }
    return all;
}

void Server::reload_applications(UniqueFunction<void(bool)> done) {
    loops_.front()->post(
        [this, done = std::move(done)]() mutable { read_applications(std::move(done)); });
}

// A disk that is slow must not hold up the sessions of a loop.
void Server::read_applications(UniqueFunction<void(bool)> done) {
    background_->post([this, changes = applications_->changes(), done = std::move(done)]() mutable {
        loops_.front()->post(
            [this, changes, read = applications_->read(), done = std::move(done)]() mutable {
                take_applications(std::move(read), changes, std::move(done));
            });
    });
}

void Server::take_applications(Result<ApplicationFiles::Entries> read, std::uint64_t changes,
                               UniqueFunction<void(bool)> done) {
    // What administration changed meanwhile may not have been read, or only half of it.
    if (applications_->changes() != changes) {
        return read_applications(std::move(done));
    }
    if (!read) {
        log_.warn("applications.not_reloaded", {{"problem", read.error().description}});
        return done(false);
    }
    applications_->take(std::move(*read));
    node_->set_applications(
        applications_->applications(), [this, done = std::move(done)]() mutable {
            log_.info("applications.reloaded",
                      {{"count", std::uint64_t{applications_->entries().size()}}});
            done(true);
        });
}

Address Server::listening() const {
    return {settings_.listen.host, public_->port()};
}

std::optional<Address> Server::administration() const {
    if (!admin_) {
        return std::nullopt;
    }
    return Address{settings_.admin_listen->host, admin_->port()};
}

void Server::stop() {
    if (store_loop_) {
        store_loop_->stop();
    }
    if (background_) {
        background_->stop();
    }
    for (const auto& loop : loops_) {
        loop->stop();
    }
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

}  // namespace parley::parleyd
