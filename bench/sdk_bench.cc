// What the SDK costs an app, through its public headers alone, against a running server:
// bench/sdk.py starts one and says in which order. Each command prints lines of JSON.
#include "bench/sdk_measures.h"
#include "parley/parley.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace parley::bench;
using std::chrono::milliseconds;

// A store of the machine, or a server, that is worse than this has nothing to be measured on.
constexpr auto kPatience = std::chrono::minutes(5);

template <typename T>
T must(parley::Result<T> result, const char* what) {
    if (!result) {
        fail(std::string(what) + ": " + result.error().description);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}

// ---- what the command line says

class Arguments {
  public:
    Arguments(int argc, char** argv) {
        for (int i = 2; i + 1 < argc; i += 2) {
            values_[argv[i]] = argv[i + 1];
        }
    }
    std::string text(const std::string& name) const {
        const auto found = values_.find("--" + name);
        if (found == values_.end()) {
            fail("--" + name + " is missing; bench/sdk.py shows how the commands are called");
        }
        return found->second;
    }
    std::size_t count(const std::string& name) const {
        return static_cast<std::size_t>(std::strtoull(text(name).c_str(), nullptr, 10));
    }

  private:
    std::map<std::string, std::string> values_;
};

// ---- an app

class App : public parley::ClientDelegate, public parley::MessageClientDelegate {
  public:
    explicit App(const Arguments& arguments) {
        options.server = arguments.text("server");
        options.application_key = arguments.text("key");
        options.application_secret = arguments.text("secret");
    }
    ~App() override { client.reset(); }
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    parley::ClientOptions options;
    std::unique_ptr<parley::Client> client;

    void open(const std::string& user, const std::string& folder) {
        options.user_id = user;
        options.store_folder = folder;
        client = must(parley::Client::create(options), "Client::create");
        must(client->set_support_messaging(true), "set_support_messaging");
        client->set_delegate(this);
        messages().set_delegate(this);
    }
    parley::MessageClient& messages() { return *must(client->message_client(), "message_client"); }
    void start() { must(client->start(), "start"); }
    void connect() {
        start();
        wait_for("a session", [this] { return connected; });
    }
    void send(const std::string& recipient) {
        const auto message =
            must(parley::OutgoingMessage::message_with_recipient(recipient, std::string(100, 'x')),
                 "message_with_recipient");
        must(messages().send_message(message), "send_message");
    }
    void wait_for(const std::string& what, const std::function<bool()>& there) {
        std::unique_lock lock(mutex);
        if (!changed.wait_for(lock, kPatience, there)) {
            fail("waited in vain for " + what);
        }
    }

    // Guards what the callbacks count.
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t incoming = 0, sent = 0, delivered = 0;
    bool connected = false, full = false;

    void client_did_start(parley::Client&) override {
        note([this] { connected = true; });
    }
    void client_did_fail(parley::Client&, const parley::Error& error) override {
        fail("the client failed: " + error.description);
    }
    void inbox_full(parley::Client&) override {
        note([this] { full = true; });
    }
    void did_receive_incoming_message(parley::MessageClient&, const parley::Message&) override {
        note([this] { ++incoming; });
    }
    void message_sent(const parley::Message&, const std::string&) override {
        note([this] { ++sent; });
    }
    void message_delivered(const parley::MessageDeliveryInfo&) override {
        note([this] { ++delivered; });
    }
    void message_delivery_failed(const parley::Message&,
                                 const std::vector<parley::MessageFailureInfo>& all) override {
        fail("a message failed: " + all.front().error.description);
    }

  private:
    template <typename Change>
    void note(Change change) {
        const std::lock_guard lock(mutex);
        change();
        changed.notify_all();
    }
};

// ---- the commands

// A user counts as one who can receive from their first session on.
void enroll(const Arguments& arguments) {
    App app(arguments);
    app.open(arguments.text("user"), arguments.text("folder"));
    app.connect();
    app.client->terminate();
}

// send_message from call to return, each beside one sync of the same disk.
void send(const Arguments& arguments) {
    const bool online = arguments.text("online") == "yes";
    App app(arguments);
    app.open(arguments.text("user"), arguments.text("folder"));
    if (online) {
        app.connect();
    }
    DiskSample disk(arguments.text("folder") + ".sample");
    const std::size_t count = arguments.count("count");
    std::vector<double> times;
    for (std::size_t i = 0; i < count; ++i) {
        disk.take();
        const auto start = Clock::now();
        app.send(arguments.text("to"));
        times.push_back(ms_since(start));
    }
    Report report(online ? "send, connected" : "send, not connected");
    for (const auto& [name, which] : {std::pair("p50", 0.5), std::pair("p99", 0.99)}) {
        const double sent = percentile(times, which);
        const double synced = percentile(disk.times, which);
        report.add(std::string("send_ms_") + name, sent);
        report.add(std::string("fdatasync_ms_") + name, synced);
        report.add(std::string("ratio_") + name, sent / synced);
    }
    report.print();
}

// A talk at a person's pace: what one message costs the one who sends it, to its receipt. The first
// message is not counted.
void talk(const Arguments& arguments) {
    App app(arguments);
    app.open(arguments.text("user"), arguments.text("folder"));
    app.connect();
    std::optional<Costs> costs;
    const std::size_t count = arguments.count("count");
    for (std::size_t i = 0; i <= count; ++i) {
        app.send(arguments.text("to"));
        app.wait_for("a receipt", [&] { return app.delivered == i + 1; });
        std::this_thread::sleep_for(milliseconds(arguments.count("pause-ms")));
        if (i == 0) {
            costs.emplace();
        }
    }
    costs->print("talk, sender", count);
}

// The other side of a talk.
void listen(const Arguments& arguments) {
    App app(arguments);
    app.open(arguments.text("user"), arguments.text("folder"));
    app.connect();
    const std::size_t count = arguments.count("count");
    app.wait_for("the first message", [&] { return app.incoming > 0; });
    // The marks of the first are written after a moment.
    std::this_thread::sleep_for(milliseconds(arguments.count("pause-ms") / 2));
    const Costs costs;
    app.wait_for("all messages", [&] { return app.incoming > count; });
    std::this_thread::sleep_for(milliseconds(arguments.count("pause-ms") / 2));
    costs.print("talk, recipient", count);
}

// Sends from many threads, so that one commit takes many; connected, it waits until all are sent.
void fill(const Arguments& arguments) {
    constexpr std::size_t kThreads = 64;
    App app(arguments);
    app.open(arguments.text("user"), arguments.text("folder"));
    const bool online = arguments.text("online") == "yes";
    if (online) {
        app.connect();
    }
    const std::size_t count = arguments.count("count");
    const auto start = Clock::now();
    std::atomic<std::size_t> taken = 0;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            while (taken++ < count) {
                app.send(arguments.text("to"));
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    const double taken_ms = ms_since(start);
    if (online) {
        app.wait_for("all to be sent", [&] { return app.sent >= count; });
    }
    Report report("fill");
    report.add("messages", static_cast<double>(count));
    report.add("taken_per_second", static_cast<double>(count) / taken_ms * 1e3);
    if (online) {
        report.add("sent_per_second", static_cast<double>(count) / ms_since(start) * 1e3);
    }
    report.print();
}

// A new device of a user with a long mailbox. First all of it, told to the app; then, on another
// device, the recording alone: without a delegate it goes on until the inbox is full.
void catch_up(const Arguments& arguments) {
    const std::size_t count = arguments.count("count");
    {
        App app(arguments);
        app.open(arguments.text("user"), arguments.text("folder"));
        const auto start = Clock::now();
        const double cpu_before = cpu_ms();
        app.start();
        app.wait_for("all messages", [&] { return app.incoming >= count; });
        Report("catch up, told to the app")
            .add("per_second", static_cast<double>(count) / ms_since(start) * 1e3)
            .add("cpu_us", (cpu_ms() - cpu_before) / static_cast<double>(count) * 1e3)
            .print();
    }
    const std::string folder = arguments.text("folder") + "-recorded";
    double recording_ms = 0;
    double recording_cpu_ms = 0;
    {
        App app(arguments);
        app.options.inbox_bytes = arguments.count("inbox-bytes");
        app.open(arguments.text("user"), folder);
        app.messages().set_delegate(nullptr);
        const auto start = Clock::now();
        const double cpu_before = cpu_ms();
        app.start();
        app.wait_for("a full inbox", [&] { return app.full; });
        recording_ms = ms_since(start);
        recording_cpu_ms = cpu_ms() - cpu_before;
    }
    // How many those were, by a client that finds no server.
    App app(arguments);
    app.options.server = "ws://127.0.0.1:9";
    app.open(arguments.text("user"), folder);
    const auto start = Clock::now();
    app.start();
    std::size_t recorded = 0;
    double told_ms = 0;
    for (std::unique_lock lock(app.mutex); app.changed.wait_for(
             lock, std::chrono::seconds(2), [&] { return app.incoming > recorded; });) {
        recorded = app.incoming;
        told_ms = ms_since(start);
    }
    const auto each = static_cast<double>(recorded) * 1e3;
    Report("catch up, recorded")
        .add("events", static_cast<double>(recorded))
        .add("per_second", each / recording_ms)
        .add("cpu_us", recording_cpu_ms * 1e3 / static_cast<double>(recorded))
        .add("told_later_per_second", each / told_ms)
        .print();
}

// Clients that are connected and have nothing to do.
void idle(const Arguments& arguments) {
    const std::size_t count = arguments.count("count");
    const std::uint64_t bare = resident_bytes();
    std::vector<std::unique_ptr<App>> apps;
    const auto add = [&] {
        const std::string name = "idle" + std::to_string(apps.size());
        apps.push_back(std::make_unique<App>(arguments));
        apps.back()->open(name, arguments.text("folder") + "/" + name);
        apps.back()->connect();
    };
    add();
    const std::uint64_t one = resident_bytes();
    const std::uint64_t heap_of_one = heap_bytes();
    while (apps.size() <= count) {
        add();
    }
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const auto each = [&](auto now, auto before) {
        return static_cast<double>(now - before) / static_cast<double>(count);
    };
    const double resident = each(resident_bytes(), one);
    const double heap = each(heap_bytes(), heap_of_one);
    const std::uint64_t woken = wakeups();
    const std::uint64_t written = written_bytes();
    const double cpu = cpu_ms();
    const std::size_t seconds = arguments.count("seconds");
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    const double per_hour = 3600.0 / static_cast<double>(seconds);
    const double clients = static_cast<double>(apps.size());
    Report("idle")
        .add("first_client_resident_bytes", static_cast<double>(one - bare))
        .add("resident_bytes", resident)
        .add("heap_bytes", heap)
        .add("wakeups_per_hour", static_cast<double>(wakeups() - woken) * per_hour / clients)
        .add("cpu_ms_per_hour", (cpu_ms() - cpu) * per_hour / clients)
        .add("bytes_written_per_hour",
             static_cast<double>(written_bytes() - written) * per_hour / clients)
        .print();
}

// The start of an app whose local store is large and not in the system's cache.
void start(const Arguments& arguments) {
    const std::string folder = arguments.text("folder");
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
        const int descriptor = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
        ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
        ::close(descriptor);
    }
    App app(arguments);
    const auto begin = Clock::now();
    app.open(arguments.text("user"), folder);
    const double open_ms = ms_since(begin);
    app.start();
    app.send(arguments.text("to"));
    const double taken_ms = ms_since(begin);
    app.wait_for("the first message_sent", [&] { return app.sent > 0; });
    Report("start")
        .add("open_ms", open_ms)
        .add("first_message_taken_ms", taken_ms)
        .add("first_message_sent_ms", ms_since(begin))
        .print();
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, void (*)(const Arguments&)> commands = {
        {"enroll", enroll}, {"send", send},         {"talk", talk}, {"listen", listen},
        {"fill", fill},     {"catch-up", catch_up}, {"idle", idle}, {"start", start}};
    const auto command = commands.find(argc > 1 ? argv[1] : "");
    if (command == commands.end()) {
        fail("a command is missing; bench/sdk.py shows how they are called");
    }
    command->second(Arguments(argc, argv));
    return 0;
}
