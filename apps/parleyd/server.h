#pragma once

#include "adapters/asio/admission.h"
#include "adapters/asio/clock.h"
#include "adapters/asio/entropy.h"
#include "adapters/asio/loop.h"
#include "adapters/asio/tls_server.h"
#include "admin/router.h"
#include "application_files.h"
#include "data_folder.h"
#include "io/acceptor.h"
#include "mailbox/log_store.h"
#include "mailbox/table.h"
#include "server/node.h"
#include "settings.h"
#include "stderr_log.h"
#include "watching.h"

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace parley::parleyd {

// The server, wired: one loop and thread for the store's writer, one for each share of the
// connections. Belongs to the main thread, which is none of these.
//
//   open()   everything stands, connections wait in the kernel
//   run()    the threads run
//   drain()  sessions are sent away, what was taken is committed; `drained` runs on some thread
//   (destroy) the threads are stopped, then all is taken down in the reverse order
class Server {
  public:
    // `log` outlives the server. The descriptor limit bounds the connections. `where` is where keys
    // of the settings were given, for errors that name one.
    Server(const Settings& settings, std::uint64_t descriptors, StderrLog& log,
           std::map<std::string, std::string> where = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // Errors, each with one line for people: store_in_use (the data folder), store_failed (the
    // store), invalid_argument (addresses, certificate, application file).
    Result<void> open();
    void run();
    // Once, after run().
    void drain(Task drained);
    // Instead of all of these, where no server runs: opens the store, answers one request to
    // administration and puts the store to rest. Errors as of open().
    Result<io::HttpResponse> administer(const io::HttpRequest& request);

    // Reads the certificate again; without TLS no effect. On an error the old one stays.
    Result<void> reload_certificate();

    // Every loop that serves, the store's first. After open(); they live as long as the server.
    static constexpr std::size_t kStoreLoop = 0;
    std::vector<io::Loop*> loops() const;
    // The store's loop may be waiting for the disk. After open(). Any thread.
    bool is_committing() const { return store_->is_committing(); }
    // Reads the files of the applications again, soon and on no loop that serves; the log says what
    // came of it. `done` hears whether they count now, on the first loop. After run().
    void reload_applications(UniqueFunction<void(bool)> done);

    // With the real ports. After open().
    Address listening() const;
    std::optional<Address> administration() const;

  private:
    Result<void> open_folder();
    Result<void> open_store();
    void open_node();
    void open_watching();
    Result<void> open_public();
    Result<void> open_administration();
    // On this loop; `rest` may be null.
    void make_router(io::Loop& loop, io::RequestHandler* rest);
    std::vector<ApplicationKey> application_keys() const;
    std::uint32_t connection_limit() const;
    void warn_of_certificate();
    // On the first loop.
    void read_applications(UniqueFunction<void(bool)> done);
    void take_applications(Result<ApplicationFiles::Entries> read, std::uint64_t changes,
                           UniqueFunction<void(bool)> done);
    void stop();

    const Settings settings_;
    const std::map<std::string, std::string> where_;
    const std::uint64_t descriptors_;
    StderrLog& sink_;
    const Logger log_;

    // In the order of dependence: what stands below uses what stands above.
    asio::SystemWallClock clock_;
    asio::SystemEntropy entropy_;
    std::unique_ptr<DataFolder> folder_;
    std::unique_ptr<ApplicationFiles> applications_;  // on the first loop
    std::unique_ptr<asio::AsioLoop> store_loop_;
    std::vector<std::unique_ptr<asio::AsioLoop>> loops_;
    // For what may take its time: nobody's message waits for it.
    std::unique_ptr<asio::AsioLoop> background_;
    std::unique_ptr<mailbox::Table> table_;
    std::unique_ptr<mailbox::LogStore> store_;
    std::unique_ptr<server::Node> node_;
    std::unique_ptr<mailbox::Store> background_door_;
    std::unique_ptr<mailbox::Store> admin_store_;  // the door of the loop that administers
    std::unique_ptr<AdminRouter> admin_router_;
    std::shared_ptr<asio::TlsServer> tls_;
    std::shared_ptr<asio::Admission> admission_;  // of public_
    std::unique_ptr<Watching> watching_;
    std::unique_ptr<io::Acceptor> public_;
    std::unique_ptr<io::Acceptor> admin_;
    std::unique_ptr<io::Acceptor> control_;
    std::vector<std::thread> threads_;
};

}  // namespace parley::parleyd
