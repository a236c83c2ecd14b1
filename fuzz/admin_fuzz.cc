// Any request to administration is answered exactly once, by one line of JSON, whatever stands in
// its path, query and body; what a handler gets is what was encoded. The routes of a running server
// answer so, too, never with an error of their own, never with a secret, and leave a store in which
// `parleyd verify` finds nothing wrong. (Not the route of backups: it writes where it is told.)
#include "apps/parleyd/admin/routes.h"
#include "apps/parleyd/admin/trace.h"
#include "apps/parleyd/application_file.h"
#include "base/assert.h"
#include "io/testing/counting_entropy.h"
#include "io/testing/manual_loop.h"
#include "mailbox/memory_table.h"
#include "mailbox/verifier.h"
#include "protocol/token.h"
#include "server/testing/test_device.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>

namespace parley::parleyd {
namespace {

using namespace std::chrono_literals;
using server::kTestApplication;
using server::kTestSecret;

void check(const io::HttpResponse& response) {
    PARLEY_ASSERT(nlohmann::json::accept(response.body));
    PARLEY_ASSERT(response.body.find('\n') == response.body.size() - 1);
}

void ask_router(const io::HttpRequest& request) {
    int handled = 0;
    AdminRouter router(nullptr);
    const auto handler = [&](const AdminRequest& taken, io::RequestHandler::Done done) {
        ++handled;
        // A value that was taken stands for itself again.
        for (const auto& [name, value] : taken.values) {
            const std::string encoded = percent_encode(value);
            PARLEY_ASSERT(encoded.find_first_of("/?&=# \n") == encoded.npos);
        }
        PARLEY_ASSERT(!taken["user"].empty());
        done(refuse(404, taken["user"]));
    };
    router.add("GET", "/v1/users/{user}", handler);
    router.add("DELETE", "/v1/users/{user}/devices/{device}", handler);
    int answered = 0;
    router.handle(request, [&](io::HttpResponse response) {
        ++answered;
        check(response);
    });
    PARLEY_ASSERT(answered == 1 && handled <= 1);
}

// A data folder with two applications, the same for each input.
class Folder {
  public:
    Folder() : path_((std::filesystem::temp_directory_path() / "admin_fuzz-XXXXXX").string()) {
        PARLEY_ASSERT(::mkdtemp(path_.data()) != nullptr);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }
    void make_as_it_was() const {
        std::filesystem::remove_all(path_ + "/applications");
        std::filesystem::create_directory(path_ + "/applications");
        write({kTestApplication, {kTestSecret}}, "/application.json");
        write({ApplicationKey("other"), {kTestSecret, "b2xk"}}, "/applications/other.json");
    }

  private:
    void write(const server::Application& application, const std::string& file) const {
        PARLEY_ASSERT(write_application(path_ + file, protocol::kDefaultIssuerPrefix, application));
    }

    std::string path_;
};

const Folder& folder() {
    static const Folder folder;
    return folder;
}

std::string summary(const ApplicationFiles& files) {
    std::string text;
    for (const server::Application& application : files.applications()) {
        text += application.key.value();
        for (const std::string& secret : application.secrets) {
            text += " " + secret;
        }
        text += "\n";
    }
    return text;
}

// A running server on a disk in memory, with the routes of parleyd.
class Office {
  public:
    Office(mailbox::MemoryDisk& disk, ApplicationFiles& files)
        : files_(files), table_(disk, loop_) {
        store_ = mailbox::LogStore::open(table_, loop_, wall_, {}, log_).value();
        door_ = store_->door(loop_);
        std::vector<server::Node::Place> places;
        places.push_back({&loop_, store_->door(loop_)});
        node_ = std::make_unique<server::Node>(server::NodeOptions(), files_.applications(),
                                               std::move(places), wall_, entropy_, log_);
        const AdminParts parts{*store_, *door_, files_, node_.get(), log_};
        add_application_routes(router_, parts);
        add_user_routes(router_, parts);
        add_session_routes(router_, parts);
        add_device_routes(router_, parts);
        add_clock_routes(router_, parts, loop_);
        add_trace_routes(router_, {loop_, loop_, *door_, [this] { return keys(); }});
    }

    void ask(const io::HttpRequest& request) {
        int answered = 0;
        router_.handle(request, [&](io::HttpResponse response) {
            ++answered;
            check(response);
            PARLEY_ASSERT(response.status < 500);
            // Said back is what was asked for, no more.
            PARLEY_ASSERT(response.body.find(kTestSecret) == std::string::npos ||
                          request.target.find(kTestSecret) != std::string::npos);
        });
        for (int i = 0; i < 1000 && answered == 0; ++i) {
            loop_.advance(1ms);
        }
        PARLEY_ASSERT(answered == 1);
    }

    void connect(server::TestDevice& device) {
        node_->channels(0).on_channel(device.connect());
        protocol::TokenClaims claims;
        claims.application = kTestApplication;
        claims.user = UserId(device.user);
        claims.issued_at = wall_.now();
        claims.expires_at = claims.issued_at + 1h;
        wire::Hello hello;
        hello.token = protocol::sign_token(claims, kTestSecret).value();
        hello.device_id = DeviceId(device.device);
        hello.supports_messaging = true;
        device.send(hello);
        run(device);
        PARLEY_ASSERT(device.welcome.has_value());
    }
    void run(server::TestDevice& device) {
        do {
            loop_.advance(50ms);
        } while (device.take_frames());
    }

    // All that was begun is finished, and the store is whole.
    void expect_whole_store() {
        loop_.advance(10s);
        mailbox::VerifyHooks hooks;
        hooks.finding = [](const std::string&, const std::string&) {};
        hooks.progress = [](const mailbox::VerifyCounts&) {};
        hooks.check_event = [](const mailbox::StoredEvent&) { return Result<void>(); };
        PARLEY_ASSERT(mailbox::verify(table_, hooks).findings == 0);
    }

    io::ManualLoop& loop() { return loop_; }

  private:
    std::vector<ApplicationKey> keys() const {
        std::vector<ApplicationKey> keys;
        for (const server::Application& application : files_.applications()) {
            keys.push_back(application.key);
        }
        return keys;
    }

    const Logger log_{null_log()};
    ApplicationFiles& files_;
    io::ManualLoop loop_;
    io::ManualWallClock wall_{loop_};
    io::CountingEntropy entropy_;
    mailbox::MemoryTable table_;
    std::unique_ptr<mailbox::LogStore> store_;
    std::unique_ptr<mailbox::Store> door_;
    std::unique_ptr<server::Node> node_;
    AdminRouter router_{nullptr};
};

// Alice wrote to Bob, who has it, and to Carol, who was never there.
mailbox::MemoryDisk used_disk(ApplicationFiles& files) {
    mailbox::MemoryDisk disk;
    Office office(disk, files);
    server::TestDevice alice(office.loop(), "alice", "phone");
    server::TestDevice bob(office.loop(), "bob", "desk");
    office.connect(alice);
    office.connect(bob);
    for (const char* id : {"m-1", "m-2"}) {
        alice.send(server::make_submit(id, {"bob", "carol"}));
        office.run(alice);
        office.run(bob);
    }
    return disk.copy(Epoch("used"));
}

// Methods and targets by turns, parted by line breaks.
void play(std::string_view input) {
    io::CountingEntropy entropy;
    ApplicationFiles files(folder().path(), std::string(protocol::kDefaultIssuerPrefix), entropy);
    // Made again only when an input has changed it: every file of it is flushed.
    static std::string as_it_was;
    if (as_it_was.empty() || !files.reload() || summary(files) != as_it_was) {
        folder().make_as_it_was();
        PARLEY_ASSERT(files.reload());
        as_it_was = summary(files);
    }
    static const mailbox::MemoryDisk used = used_disk(files);
    mailbox::MemoryDisk disk = used.copy(Epoch("used"));
    Office office(disk, files);
    server::TestDevice alice(office.loop(), "alice", "phone");
    office.connect(alice);
    const auto take_line = [&input] {
        const auto end = std::min(input.find('\n'), input.size());
        const std::string line(input.substr(0, end));
        input.remove_prefix(std::min(end + 1, input.size()));
        return line;
    };
    for (int requests = 0; requests < 8 && !input.empty(); ++requests) {
        io::HttpRequest request;
        request.method = take_line();
        request.target = take_line();
        request.body = input;
        ask_router(request);
        office.ask(request);
    }
    office.expect_whole_store();
}

}  // namespace
}  // namespace parley::parleyd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::parleyd::play({reinterpret_cast<const char*>(data), size});
    return 0;
}
