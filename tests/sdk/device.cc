#include "tests/sdk/device.h"

#include <gtest/gtest.h>

namespace parley::testing {

Device::Device(ServerProcess& server, std::string user, std::string store) {
    options.application_key = server.application_key();
    options.application_secret = server.application_secret();
    options.server = server.url();
    options.store_folder = server.folder("stores/" + (store.empty() ? user : store));
    options.user_id = std::move(user);
}

Device::~Device() {
    client_.reset();
}

void Device::open() {
    auto created = Client::create(options);
    ASSERT_TRUE(created) << created.error().description;
    client_ = *std::move(created);
    ASSERT_TRUE(client_->set_support_messaging(true));
    client_->set_delegate(this);
    messages().set_delegate(this);
}

void Device::start() {
    if (client_ == nullptr) {
        open();
    }
    ASSERT_TRUE(client_->start());
}

bool Device::wait_until_connected() {
    return wait_for("started", count("started") > 0 ? count("started") : 1);
}

std::string Device::send(const std::vector<std::string>& to, const std::string& text) {
    const auto message = OutgoingMessage::message_with_recipients(to, text);
    EXPECT_TRUE(message);
    const auto taken = messages().send_message(*message);
    EXPECT_TRUE(taken) << taken.error().description;
    return message->message_id();
}

std::size_t Device::count_of(const std::string& start) const {
    std::size_t found = 0;
    for (const std::string& line : lines_) {
        found += line.starts_with(start) ? 1 : 0;
    }
    return found;
}

bool Device::wait_for(const std::string& start, std::size_t count) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, kPatience, [&] { return count_of(start) >= count; });
    if (!came) {
        std::string all;
        for (const std::string& line : lines_) {
            all += "\n  " + line;
        }
        ADD_FAILURE() << options.user_id << " was told " << count_of(start) << " of " << count
                      << " times \"" << start << "\"; in all:" << all;
    }
    return came;
}

std::size_t Device::count(const std::string& start) const {
    const std::lock_guard lock(mutex_);
    return count_of(start);
}

std::vector<std::string> Device::lines(const std::string& start) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const std::string& line : lines_) {
        if (line.starts_with(start)) {
            found.push_back(line);
        }
    }
    return found;
}

std::vector<Message> Device::incoming() const {
    const std::lock_guard lock(mutex_);
    return incoming_;
}

std::vector<Message> Device::failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
}

void Device::write(const std::string& line) {
    {
        const std::lock_guard lock(mutex_);
        lines_.push_back(line);
        changed_.notify_all();
    }
    if (inside) {
        inside(line);
    }
}

void Device::client_did_start(Client&) {
    write("started");
}
void Device::client_did_fail(Client&, const Error& error) {
    write("no session " + std::to_string(static_cast<int>(error.code)));
}
void Device::connection_changed(Client&, const Connection& connection) {
    if (connection.state == ConnectionState::connected) {
        write("connected");
    }
    if (connection.state == ConnectionState::waiting) {
        write("waiting");
    }
}
void Device::client_replaced(Client&) {
    write("replaced");
}
void Device::requires_token(Client& client, TokenRequest request) {
    write("token " + std::to_string(static_cast<int>(request.reason())));
    if (token) {
        return token(request);
    }
    ClientDelegate::requires_token(client, request);
}
void Device::did_receive_incoming_message(MessageClient&, const Message& message) {
    {
        const std::lock_guard lock(mutex_);
        incoming_.push_back(message);
    }
    write("incoming " + message.sender_id() + ": " + message.text());
}
void Device::message_sent(const Message& message, const std::string& recipient_id) {
    EXPECT_TRUE(message.timestamp());
    write("sent " + recipient_id + ": " + message.text());
}
void Device::message_delivered(const MessageDeliveryInfo& info) {
    write("delivered " + info.recipient_id + " " + info.message_id);
}
void Device::message_delivery_failed(const Message& message,
                                     const std::vector<MessageFailureInfo>& failures) {
    std::string line = "failed " + message.text() + ":";
    for (const MessageFailureInfo& failure : failures) {
        line +=
            " " + failure.recipient_id + "=" + std::to_string(static_cast<int>(failure.error.code));
    }
    {
        const std::lock_guard lock(mutex_);
        failed_.push_back(message);
    }
    write(line);
}

}  // namespace parley::testing
