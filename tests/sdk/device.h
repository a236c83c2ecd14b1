#pragma once

#include "parley/parley.h"
#include "tests/sdk/server_process.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace parley::testing {

// How long a test waits for what must come; only a failing one waits that long.
inline constexpr auto kPatience = std::chrono::seconds(30);

// An app on one device: a client with its delegate, which writes down what it is told. Clients come
// and go, what was written down stays.
class Device : public ClientDelegate, public MessageClientDelegate {
  public:
    Device(ServerProcess& server, std::string user, std::string store = "");
    ~Device() override;

    // Options for the next open().
    ClientOptions options;
    // Runs inside each call, after it was written down.
    std::function<void(const std::string& line)> inside;

    void open();   // a client, not started
    void start();  // open() if need be, and start
    void close() { client_.reset(); }
    bool wait_until_connected();

    Client& client() { return *client_; }
    std::unique_ptr<Client>& owned() { return client_; }
    MessageClient& messages() { return **client_->message_client(); }
    // Sends; the message's id.
    std::string send(const std::vector<std::string>& to, const std::string& text);

    // Waits until so many lines begin with `start`.
    bool wait_for(const std::string& start, std::size_t count = 1);
    std::size_t count(const std::string& start) const;
    std::vector<std::string> lines(const std::string& start) const;
    // Of the calls so far, in order.
    std::vector<Message> incoming() const;
    std::vector<Message> failed() const;

    void client_did_start(Client&) override;
    void client_did_fail(Client&, const Error& error) override;
    void connection_changed(Client&, const Connection& connection) override;
    void client_replaced(Client&) override;
    void requires_token(Client& client, TokenRequest request) override;
    void did_receive_incoming_message(MessageClient&, const Message& message) override;
    void message_sent(const Message& message, const std::string& recipient_id) override;
    void message_delivered(const MessageDeliveryInfo& info) override;
    void message_delivery_failed(const Message& message,
                                 const std::vector<MessageFailureInfo>& failures) override;

    // Answers requires_token; without it the default does.
    std::function<void(TokenRequest)> token;

  private:
    void write(const std::string& line);
    std::size_t count_of(const std::string& start) const;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
    std::vector<Message> incoming_;
    std::vector<Message> failed_;
    std::unique_ptr<Client> client_;
};

}  // namespace parley::testing
