#pragma once

#include "command_line.h"
#include "exit_codes.h"
#include "printer.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace parley::cli {

// Whose client: key, user and how it shows who it is.
struct Identity {
    std::string application_key;
    std::string application_secret;  // empty: `token` is all there is
    std::string issuer_prefix;
    std::string token;
};
// Errors: invalid_argument, one line that names the flag.
Result<Identity> find_identity(const Arguments& arguments);

// The options of a client for these arguments.
ClientOptions client_options(const Arguments& arguments, const Identity& identity);
// A client with messaging enabled, not started. An error is said.
Result<std::unique_ptr<Client>> open_client(ClientOptions options, Printer& printer);
// What to exit with after this error, and one line about it that says what to do.
ExitCode exit_code(const Error& error);
std::string explain(const Error& error, const std::string& store_folder);
// The SDK's lines name its options; here they are flags.
std::string with_flag(const std::string& line);

// One run of the program with a client: says what happens, ends when its command is done, at the
// end of its time, or when the user wants. Callbacks run on the main thread, inside run(). The
// commands derive from it.
class Session : public ClientDelegate, public MessageClientDelegate {
  public:
    Session(const Arguments& arguments, Printer& printer);
    ~Session() override;

    // Opens the local store. The exit code if that failed; it is said then.
    std::optional<int> open(bool keep_incoming);
    // Connects, and runs callbacks until finish(). Returns the exit code.
    int run();

  protected:
    // Ends run(). The first code counts. Any thread.
    void finish(int code);
    bool finished() const { return finished_; }
    // Set together with finished(); ends threads that read standard input.
    const std::atomic<bool>& stop() const { return finished_; }
    void fail(const Error& error);
    // What happens at the end of --timeout, and at Ctrl-C. Called in run().
    virtual void on_timeout() = 0;
    virtual void on_interrupt() = 0;

    Client& client() { return *client_; }
    MessageClient& messages() { return *messages_; }
    const Arguments& arguments() const { return arguments_; }

    // ClientDelegate
    void client_did_start(Client& client) override;
    void client_did_fail(Client& client, const Error& error) override;
    void connection_changed(Client& client, const Connection& connection) override;
    void client_replaced(Client& client) override;
    void requires_token(Client& client, TokenRequest request) override;
    void inbox_full(Client& client) override;
    // MessageClientDelegate: each is said.
    void did_receive_incoming_message(MessageClient& client, const Message& message) override;
    void message_sent(const Message& message, const std::string& recipient_id) override;
    void message_delivered(const MessageDeliveryInfo& info) override;
    void message_delivery_failed(const Message& message,
                                 const std::vector<MessageFailureInfo>& failures) override;

    // Guards the printer and what a command counts, where a second thread reads standard input.
    // Held around send_message, so that "queued" is said before "sent".
    std::mutex output_;
    Printer& printer_;

  private:
    const Arguments& arguments_;
    Identity identity_;
    std::unique_ptr<Client> client_;
    MessageClient* messages_ = nullptr;
    const std::chrono::steady_clock::time_point began_;
    std::atomic<bool> finished_ = false;
    std::atomic<int> code_ = 0;
    // Said already: an unreachable server is worth one line, not one per attempt.
    std::string last_trouble_;
    bool end_said_ = false;  // guarded by output_: the error that ends the run
};

// The commands: each returns the exit code.
int run_send(const Arguments& arguments);
int run_listen(const Arguments& arguments);
int run_chat(const Arguments& arguments);
int run_token(const Arguments& arguments);
int run_outbox(const Arguments& arguments);

std::unique_ptr<Printer> make_printer(const Arguments& arguments);

}  // namespace parley::cli
