#pragma once

#include "sdk/testing/recording.h"
#include "sdk/testing/temporary_folder.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace parley::sdk::testing {

// Clients whose server cannot be reached: nobody listens on port 1. A retry window that ends at
// once gives callbacks all the same (R10).
class Clients : public ::testing::Test {
  protected:
    ClientOptions options() {
        ClientOptions result;
        result.application_key = "app";
        result.application_secret = "c2VjcmV0";
        result.user_id = "alice";
        result.server = "ws://127.0.0.1:1";
        result.store_folder = folder_.path() + "/store";
        return result;
    }
    ClientOptions impatient() {
        ClientOptions result = options();
        result.retry_window = std::chrono::milliseconds(1);
        return result;
    }
    static std::unique_ptr<Client> open(ClientOptions options) {
        auto client = Client::create(std::move(options));
        EXPECT_TRUE(client) << client.error().description;
        EXPECT_TRUE((*client)->set_support_messaging(true));
        return *std::move(client);
    }
    static MessageClient& messages(const std::unique_ptr<Client>& client) {
        return **client->message_client();
    }
    static OutgoingMessage text(const std::string& text) {
        return *OutgoingMessage::message_with_recipient("bob", text);
    }
    static void attach(const std::unique_ptr<Client>& client, Recording& recording) {
        client->set_delegate(&recording);
        messages(client).set_delegate(&recording);
    }

    TemporaryFolder folder_;
};

}  // namespace parley::sdk::testing
