// Plays the scripts of spec/vectors (the format is there) against the real server on a disk in
// memory.
#include "server/testing/test_server.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

namespace parley::server {
namespace {

using Json = nlohmann::json;

// One connection of a script: frames other than Events, and the events out of those.
struct Peer {
    std::shared_ptr<TestWire> wire;
    std::size_t taken = 0;
    std::deque<Json> frames;
    std::deque<Json> events;
    std::string epoch;
    std::uint64_t through = 0;
};

class Player {
  public:
    void play(const Json& script) {
        int number = 0;
        for (const Json& step : script.at("steps")) {
            SCOPED_TRACE("step " + std::to_string(++number) + ": " + step.dump());
            play_step(step);
            if (::testing::Test::HasFatalFailure()) {
                return;
            }
        }
    }

  private:
    void play_step(const Json& step) {
        const std::string verb = [&] {
            for (const char* name : {"open", "hello", "send", "text", "ack", "expect", "events",
                                     "quiet", "closed", "cut"}) {
                if (step.contains(name)) {
                    return std::string(name);
                }
            }
            return std::string();
        }();
        ASSERT_FALSE(verb.empty()) << "no such step";
        const std::string name = step.at(verb);
        if (verb == "open") {
            open(name);
        } else if (verb == "hello") {
            hello(name, step);
        } else if (verb == "send") {
            send(name, filled(step.at("frame")).dump());
        } else if (verb == "text") {
            send(name, step.at("data"));
        } else if (verb == "ack") {
            cursors_[name] = {peers_[name].epoch, peers_[name].through};
            send(name, Json{{"ack", {{"sequence", std::to_string(peers_[name].through)}}}}.dump());
        } else if (verb == "expect") {
            settle();
            ASSERT_FALSE(peers_[name].frames.empty()) << "no frame came";
            expect(step.at("frame"), peers_[name].frames);
        } else if (verb == "events") {
            settle();
            for (const Json& pattern : step.at("are")) {
                ASSERT_FALSE(peers_[name].events.empty()) << "no event came";
                expect(pattern, peers_[name].events);
            }
        } else if (verb == "quiet") {
            settle();
            EXPECT_TRUE(peers_[name].frames.empty()) << peers_[name].frames.front();
            EXPECT_TRUE(peers_[name].events.empty()) << peers_[name].events.front();
        } else if (verb == "closed") {
            settle();
            EXPECT_EQ(peers_[name].wire->close_code, step.at("code").get<int>());
        } else {
            cut(name);
        }
    }

    void open(const std::string& name) {
        Peer& peer = peers_[name] = Peer{std::make_shared<TestWire>(), 0, {}, {}, {}, 0};
        server_.node->channels(0).on_channel(std::make_unique<TestChannel>(
            *server_.loops.front(), peer.wire, std::string(wire::kJsonSubprotocol)));
    }

    void hello(const std::string& name, const Json& step) {
        open(name);
        const std::size_t dot = name.find('.');
        Json hello = {{"token", server_.token(name.substr(0, dot))},
                      {"deviceId", name.substr(dot + 1)},
                      {"supportsMessaging", step.at("messaging")}};
        if (step.value("cursor", false) && cursors_.contains(name)) {
            hello["cursor"] = {{"epoch", cursors_[name].first},
                               {"sequence", std::to_string(cursors_[name].second)}};
        }
        send(name, Json{{"hello", hello}}.dump());
        settle();
        ASSERT_FALSE(peers_[name].frames.empty()) << "no Welcome came";
        const Json welcome = peers_[name].frames.front();
        peers_[name].frames.pop_front();
        ASSERT_TRUE(welcome.contains("welcome")) << welcome;
        peers_[name].epoch = welcome["welcome"]["head"]["epoch"];
        EXPECT_EQ(welcome["welcome"]["cursorAccepted"], hello.contains("cursor"));
    }

    void send(const std::string& name, const std::string& text) {
        TestChannel::send(*server_.loops.front(), peers_[name].wire, text);
    }

    void cut(const std::string& name) {
        settle();
        server_.loops.front()->post([wire = peers_[name].wire] {
            if (wire->observer != nullptr) {
                std::exchange(wire->observer, nullptr)->on_end({});
            }
        });
        settle();
    }

    // Lets everything happen, and sorts what came.
    void settle() {
        server_.run();
        for (auto& [name, peer] : peers_) {
            while (peer.taken < peer.wire->received.size()) {
                Json frame = Json::parse(peer.wire->received[peer.taken++]);
                if (!frame.contains("events")) {
                    peer.frames.push_back(std::move(frame));
                    continue;
                }
                for (Json& event : frame["events"]["events"]) {
                    peer.events.push_back(std::move(event));
                }
                peer.through = std::stoull(frame["events"]["through"].get<std::string>());
            }
        }
    }

    void expect(const Json& pattern, std::deque<Json>& from) {
        EXPECT_TRUE(matches(pattern, from.front())) << from.front();
        from.pop_front();
    }

    bool matches(const Json& pattern, const Json& found) {
        if (pattern.is_string() && pattern.get<std::string>().starts_with('$')) {
            if (pattern == "$any") {
                return true;
            }
            return bound_.emplace(pattern, found).first->second == found;
        }
        if (pattern.is_object()) {
            return found.is_object() &&
                   std::all_of(pattern.items().begin(), pattern.items().end(),
                               [&](const auto& item) {
                                   if (item.value() == "$absent") {
                                       return !found.contains(item.key());
                                   }
                                   return found.contains(item.key()) &&
                                          matches(item.value(), found.at(item.key()));
                               });
        }
        if (pattern.is_array()) {
            return found.is_array() &&
                   std::equal(pattern.begin(), pattern.end(), found.begin(), found.end(),
                              [&](const Json& a, const Json& b) { return matches(a, b); });
        }
        return pattern == found;
    }

    Json filled(Json frame) {
        if (frame.is_structured()) {
            for (Json& item : frame) {
                item = filled(item);
            }
        } else if (frame.is_string() && frame.get<std::string>().starts_with('$')) {
            const std::string name = frame;
            constexpr std::string_view kToken = "$token:";
            if (!name.starts_with(kToken)) {
                return bound_.at(name);
            }
            const std::string who = name.substr(kToken.size());
            const std::size_t slash = who.find('/');
            return slash == std::string::npos
                       ? server_.token(who)
                       : server_.token(who.substr(0, slash), who.substr(slash + 1));
        }
        return frame;
    }

    TestServer server_;
    std::map<std::string, Peer> peers_;
    std::map<std::string, std::pair<std::string, std::uint64_t>> cursors_;
    std::map<std::string, Json> bound_;
};

std::vector<std::string> scripts() {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::directory_iterator(PARLEY_SOURCE_DIR "/spec/vectors")) {
        if (entry.path().extension() == ".json") {
            names.push_back(entry.path().stem());
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

class Vectors : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Scripts, Vectors, ::testing::ValuesIn(scripts()),
                         [](const auto& script) { return script.param; });

TEST_P(Vectors, AreAnsweredAsTheySay) {
    std::ifstream in(PARLEY_SOURCE_DIR "/spec/vectors/" + GetParam() + ".json");
    Player player;
    player.play(Json::parse(in));
}

}  // namespace
}  // namespace parley::server
