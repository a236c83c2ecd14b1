#include "wire/websocket/handshake.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace parley::websocket {
namespace {

using Outcome = UpgradeCheck::Outcome;

const std::string kSampleKey = "dGhlIHNhbXBsZSBub25jZQ==";
const UpgradeRequest kRequest{"server.example.com", "/v1/connect", kSampleKey, "parley.v1.proto"};
const std::vector<std::string> kSupported = {"parley.v1.proto", "parley.v1.json"};

UpgradeCheck check(const std::string& answer) {
    return check_upgrade_response(answer, kRequest);
}

// A good answer, one line of it replaced.
std::string answer_with(const std::string& line, const std::string& instead) {
    std::string answer = make_upgrade_response(kSampleKey, "parley.v1.proto");
    const std::size_t at = answer.find(line);
    EXPECT_NE(at, std::string::npos) << line;
    return answer.replace(at, line.size(), instead);
}

TEST(Handshake, TheAcceptKeyIsThatOfTheStandard) {
    // RFC 6455, 1.3.
    EXPECT_EQ(accept_for(kSampleKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Handshake, TheRequestIsHttpAndNamesTheSubprotocol) {
    EXPECT_EQ(make_upgrade_request(kRequest),
              "GET /v1/connect HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
              "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: parley.v1.proto\r\n\r\n");
}

TEST(Handshake, OurAnswerSatisfiesOurClientAndTheRestIsLeft) {
    const std::string answer = make_upgrade_response(kSampleKey, "parley.v1.proto");
    const UpgradeCheck checked = check(answer + "\x82\x01x");
    EXPECT_EQ(checked.outcome, Outcome::upgraded);
    EXPECT_EQ(checked.head_bytes, answer.size());
    for (std::size_t size = 0; size < answer.size(); ++size) {
        ASSERT_EQ(check(answer.substr(0, size)).outcome, Outcome::incomplete) << size;
    }
}

TEST(Handshake, FieldNamesAndTokensComeInAnyCaseAndFieldsInAnyNumber) {
    const std::string answer =
        "HTTP/1.1 101 Whatever\r\nUPGRADE:WebSocket\r\nconnection: "
        "keep-alive\r\nConnection: \tupgrade \r\nX-Other: \r\n"
        "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "sec-websocket-protocol: parley.v1.proto\r\n\r\n";
    EXPECT_EQ(check(answer).outcome, Outcome::upgraded);
}

TEST(Handshake, AnAnswerThatIsNotForUsIsRefused) {
    EXPECT_EQ(check(answer_with("Upgrade: websocket", "Upgrade: h2c")).outcome,
              Outcome::not_websocket);
    EXPECT_EQ(check(answer_with("Connection: Upgrade", "Connection: close")).outcome,
              Outcome::not_websocket);
    EXPECT_EQ(check(answer_with("s3pPLMBi", "S3pPLMBi")).outcome, Outcome::not_websocket);
    EXPECT_EQ(check(answer_with("Upgrade: websocket\r\n",
                                "Upgrade: websocket\r\nSec-WebSocket-Extensions: "
                                "permessage-deflate\r\n"))
                  .outcome,
              Outcome::not_websocket);
    EXPECT_EQ(check(answer_with("parley.v1.proto", "parley.v1.json")).outcome,
              Outcome::wrong_subprotocol);
    EXPECT_EQ(check(answer_with("Sec-WebSocket-Protocol: parley.v1.proto\r\n", "")).outcome,
              Outcome::wrong_subprotocol);
}

TEST(Handshake, AnotherAnswerIsQuoted) {
    const UpgradeCheck refused = check("HTTP/1.0 404 Not\x01 Found\r\nServer: x\r\n\r\nbody");
    EXPECT_EQ(refused.outcome, Outcome::refused);
    EXPECT_EQ(refused.status, 404);
    EXPECT_EQ(refused.status_line, "HTTP/1.0 404 Not? Found");
    EXPECT_EQ(check("HTTP/1.1 200\r\n\r\n").outcome, Outcome::refused);
    const UpgradeCheck garbage = check("SSH-2.0-OpenSSH\r\n");
    EXPECT_EQ(garbage.outcome, Outcome::not_http);
    EXPECT_EQ(garbage.status_line, "SSH-2.0-OpenSSH");
    EXPECT_EQ(check("H").outcome, Outcome::incomplete);
    EXPECT_EQ(check("Hello").outcome, Outcome::not_http);
    EXPECT_EQ(check("HTTP/1.1 abc\r\n\r\n").outcome, Outcome::not_http);
    EXPECT_EQ(check("HTTP/1.1 101 x\r\nno colon\r\n\r\n").outcome, Outcome::not_http);
}

TEST(Handshake, AnAnswerWithoutEndIsGivenUpAtTheLimit) {
    const std::string start = "HTTP/1.1 101 x\r\n";
    EXPECT_EQ(check(start + std::string(1000, 'x')).outcome, Outcome::incomplete);
    EXPECT_EQ(check(start + std::string(kMaxUpgradeAnswerBytes, 'x')).outcome, Outcome::not_http);
    EXPECT_LT(check(std::string(5000, 'x')).status_line.size(), 200u);
}

// ---- the server's side

UpgradeOffer good_offer() {
    return {"websocket", "keep-alive, Upgrade", kSampleKey, "13", "parley.v1.json"};
}

TEST(Handshake, TheServerTakesTheFirstOfItsSubprotocolsThatTheClientNames) {
    UpgradeOffer offer = good_offer();
    EXPECT_EQ(answer_upgrade(offer, kSupported).subprotocol, "parley.v1.json");
    offer.subprotocols = "x, parley.v1.proto ,parley.v1.json";
    const UpgradeAnswer answer = answer_upgrade(offer, kSupported);
    EXPECT_EQ(answer.status, 101);
    EXPECT_EQ(answer.subprotocol, "parley.v1.proto");
}

TEST(Handshake, TheServerRefusesWithASentence) {
    const auto refusal = [](auto change) {
        UpgradeOffer offer = good_offer();
        change(offer);
        return answer_upgrade(offer, kSupported);
    };
    UpgradeAnswer answer =
        refusal([](UpgradeOffer& offer) { offer.subprotocols = "PARLEY.v1.json"; });
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.message, "Sec-WebSocket-Protocol must name parley.v1.proto or parley.v1.json");
    EXPECT_EQ(refusal([](UpgradeOffer& offer) { offer.subprotocols = ""; }).status, 400);
    EXPECT_EQ(refusal([](UpgradeOffer& offer) { offer.upgrade = ""; }).status, 400);
    EXPECT_EQ(refusal([](UpgradeOffer& offer) { offer.connection = "close"; }).status, 400);
    EXPECT_EQ(refusal([](UpgradeOffer& offer) { offer.version = "8"; }).status, 426);
    EXPECT_EQ(refusal([](UpgradeOffer& offer) { offer.key = "c2hvcnQ="; }).status, 400);
    EXPECT_EQ(refusal([](UpgradeOffer& offer) { offer.key = "not base64!"; }).status, 400);
    EXPECT_EQ(refusal([](UpgradeOffer& offer) { offer.key = ""; }).status, 400);
}

TEST(Handshake, ListsOfTokensAreReadAsListsNotAsText) {
    EXPECT_TRUE(has_token("a, Upgrade,b", "upgrade"));
    EXPECT_TRUE(has_token(" upgrade\t", "upgrade"));
    EXPECT_FALSE(has_token("upgraded", "upgrade"));
    EXPECT_FALSE(has_token("no upgrade", "upgrade"));
    EXPECT_FALSE(has_token("", "upgrade"));
    EXPECT_FALSE(has_token(",,", "upgrade"));
}

}  // namespace
}  // namespace parley::websocket
