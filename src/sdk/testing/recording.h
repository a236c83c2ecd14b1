#pragma once

#include "parley/parley.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace parley::sdk::testing {

// How long a test waits for what must come; only a failing one waits that long.
inline constexpr auto kPatience = std::chrono::seconds(20);

// An app that writes down what it is told: one line per call.
class Recording : public ClientDelegate, public MessageClientDelegate {
  public:
    // Runs inside each call, after it was written down.
    std::function<void(const std::string& line)> inside;

    std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    // Waits until so many lines begin with `start`.
    bool wait_for(const std::string& start, std::size_t count = 1) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kPatience, [&] { return count_of(start) >= count; });
    }
    std::size_t count(const std::string& start) const {
        const std::lock_guard lock(mutex_);
        return count_of(start);
    }

    void client_did_start(Client&) override { write("started"); }
    void client_did_fail(Client&, const Error& error) override {
        write("failed_to_start " + std::to_string(static_cast<int>(error.code)));
    }
    void connection_changed(Client&, const Connection& connection) override {
        write("connection " + std::to_string(static_cast<int>(connection.state)));
    }
    void client_replaced(Client&) override { write("replaced"); }
    void did_receive_incoming_message(MessageClient&, const Message& message) override {
        write("incoming " + message.sender_id() + ": " + message.text());
    }
    void message_sent(const Message& message, const std::string& recipient_id) override {
        write("sent " + recipient_id + ": " + message.text());
    }
    void message_delivered(const MessageDeliveryInfo& info) override {
        write("delivered " + info.recipient_id);
    }
    void message_delivery_failed(const Message& message,
                                 const std::vector<MessageFailureInfo>& failures) override {
        std::string line = "failed " + message.text() + ":";
        for (const MessageFailureInfo& failure : failures) {
            line += " " + failure.recipient_id + "=" +
                    std::to_string(static_cast<int>(failure.error.code));
        }
        {
            const std::lock_guard lock(mutex_);
            failed_.push_back(message);
        }
        write(line);
    }
    std::vector<Message> failed() const {
        const std::lock_guard lock(mutex_);
        return failed_;
    }

  private:
    std::size_t count_of(const std::string& start) const {
        std::size_t found = 0;
        for (const std::string& line : lines_) {
            found += line.starts_with(start) ? 1 : 0;
        }
        return found;
    }
    void write(const std::string& line) {
        {
            const std::lock_guard lock(mutex_);
            lines_.push_back(line);
            changed_.notify_all();
        }
        if (inside) {
            inside(line);
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
    std::vector<Message> failed_;
};

}  // namespace parley::sdk::testing
