#include "adapters/asio/tls_server.h"

#include "adapters/asio/testing/certificates.h"
#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/testing/raw_peer.h"
#include "base/random.h"

#include <gtest/gtest.h>

#include <unistd.h>
#include <filesystem>
#include <fstream>

namespace parley::asio {
namespace {

using namespace std::chrono_literals;
using testing::CertificateAuthority;
using testing::CertificateOrder;
using testing::Dialed;
using testing::Peer;
using testing::RawPeer;
using testing::run_until;
using testing::send;
using testing::Server;
using testing::target_of;

const CertificateOrder kLoopback{{"DNS:localhost", "IP:127.0.0.1", "IP:::1"}};

std::function<void(ListenOptions&)> with_tls(std::shared_ptr<TlsServer> tls) {
    return [tls = std::move(tls)](ListenOptions& options) { options.tls = tls; };
}

std::shared_ptr<TlsServer> load(const CertificateAuthority::Files& files) {
    auto loaded = TlsServer::load(files.certificate, files.key);
    EXPECT_TRUE(loaded) << loaded.error().description;
    return loaded ? *loaded : nullptr;
}

Dialed dial(Server& server, const std::string& ca_file, const std::string& host = "127.0.0.1") {
    io::DialTarget target = target_of(server.url("wss", host));
    target.ca_file = ca_file;
    return testing::dial(server.loop, target);
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST(Tls, CarriesMessagesOfEverySizeBothWays) {
    CertificateAuthority authority;
    AsioLoop loop;
    Server server(loop, with_tls(load(authority.issue("server", kLoopback))));
    server.echoes = true;
    Dialed dialed = dial(server, authority.ca_file());
    ASSERT_TRUE(dialed) << dialed.error().description;
    Peer client(std::move(dialed).value());
    Random random(2);
    std::vector<std::string> sent;
    for (const std::size_t size : {0u, 5u, 16383u, 16384u, 16385u, 70000u, 1048576u, 3u}) {
        sent.emplace_back(size, '\0');
        for (char& c : sent.back()) {
            c = static_cast<char>(random.next());
        }
        send(*client.channel, sent.back());
    }
    ASSERT_TRUE(run_until(loop, [&] { return client.messages.size() == sent.size(); }));
    EXPECT_EQ(client.messages, sent);
    client.channel->close(io::close_code::kNormal, "");
    ASSERT_TRUE(run_until(loop, [&] { return client.end && server.peers[0]->end; }));
    EXPECT_EQ(client.end->code, io::close_code::kNormal);
    EXPECT_EQ(server.peers[0]->end->code, io::close_code::kNormal);
}

TEST(Tls, BackpressureAndPausesLoseNothing) {
    CertificateAuthority authority;
    AsioLoop loop;
    Server server(loop, with_tls(load(authority.issue("server", kLoopback))));
    Dialed dialed = dial(server, authority.ca_file());
    ASSERT_TRUE(dialed) << dialed.error().description;
    Peer client(std::move(dialed).value());
    ASSERT_TRUE(run_until(loop, [&] { return !server.peers.empty(); }));
    Peer& writer = *server.peers[0];
    constexpr std::size_t count = 2000;
    std::size_t sent = 0;
    const auto fill = [&] {
        while (sent < count && writer.channel->has_room()) {
            send(*writer.channel, std::to_string(sent++) + std::string(5000, 'x'));
        }
    };
    writer.on_room_hook = fill;
    client.on_message_hook = [&](const std::string&) {
        // Stops in the middle of records, again and again.
        client.channel->pause_reading(true);
        loop.post([&] { client.channel->pause_reading(false); });
    };
    fill();
    EXPECT_LT(sent, count);
    ASSERT_TRUE(run_until(loop, [&] { return client.messages.size() == count; }));
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(client.messages[i].starts_with(std::to_string(i) + "x"));
    }
}

TEST(Tls, TheHostOfTheUrlMustBeInTheCertificate) {
    if (!testing::knows_localhost()) {
        GTEST_SKIP() << "this machine does not resolve localhost (/etc/hosts)";
    }
    CertificateAuthority authority;
    AsioLoop loop;
    Server by_name(loop, with_tls(load(authority.issue("name", {{"DNS:localhost"}}))));
    EXPECT_TRUE(dial(by_name, authority.ca_file(), "localhost"));
    Dialed wrong = dial(by_name, authority.ca_file(), "127.0.0.1");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::server_error);
    EXPECT_TRUE(wrong.error().retryable);
    EXPECT_TRUE(has(wrong.error().description, "its certificate is made for another host"))
        << wrong.error().description;
    Server by_address(loop, with_tls(load(authority.issue("address", {{"IP:127.0.0.1"}}))));
    EXPECT_TRUE(dial(by_address, authority.ca_file(), "127.0.0.1"));
    const auto v6 = load(authority.issue("v6", {{"IP:::1"}}));
    Server by_v6(loop, [&](ListenOptions& options) {
        options.tls = v6;
        options.host = "::1";
    });
    EXPECT_TRUE(dial(by_v6, authority.ca_file(), "[::1]"));
    wrong = dial(by_address, authority.ca_file(), "localhost");
    ASSERT_FALSE(wrong);
    EXPECT_TRUE(has(wrong.error().description, "its certificate is made for another host"));
}

TEST(Tls, ACertificateThatIsNotTrustedIsRefused) {
    CertificateAuthority authority;
    CertificateAuthority other;
    AsioLoop loop;
    Server server(loop, with_tls(load(authority.issue("server", kLoopback))));
    for (const std::string& ca_file : {other.ca_file(), std::string()}) {
        Dialed dialed = dial(server, ca_file);
        ASSERT_FALSE(dialed);
        EXPECT_EQ(dialed.error().code, ErrorCode::server_error);
        EXPECT_TRUE(has(dialed.error().description, "its certificate is not trusted: "))
            << dialed.error().description;
    }
    EXPECT_TRUE(server.peers.empty());
}

TEST(Tls, ACertificateOutOfItsTimeIsRefused) {
    CertificateAuthority authority;
    AsioLoop loop;
    CertificateOrder past = kLoopback;
    past.valid_to = -60;
    Server expired(loop, with_tls(load(authority.issue("past", past))));
    Dialed dialed = dial(expired, authority.ca_file());
    ASSERT_FALSE(dialed);
    EXPECT_TRUE(has(dialed.error().description, "its certificate has expired"));
    CertificateOrder future = kLoopback;
    future.valid_from = 3000;
    Server early(loop, with_tls(load(authority.issue("future", future))));
    dialed = dial(early, authority.ca_file());
    ASSERT_FALSE(dialed);
    EXPECT_TRUE(has(dialed.error().description, "not valid yet"));
}

TEST(Tls, ReloadingServesTheNewCertificateAndKeepsTheOldConnections) {
    CertificateAuthority authority;
    AsioLoop loop;
    const auto files = authority.issue("server", {{"DNS:elsewhere"}});
    const auto tls = load(files);
    Server server(loop, with_tls(tls));
    server.echoes = true;
    EXPECT_FALSE(dial(server, authority.ca_file()));
    authority.issue("server", kLoopback);
    ASSERT_TRUE(tls->reload());
    Dialed dialed = dial(server, authority.ca_file());
    ASSERT_TRUE(dialed) << dialed.error().description;
    Peer client(std::move(dialed).value());
    std::ofstream(files.key) << "no key";
    const auto failed = tls->reload();
    ASSERT_FALSE(failed);
    EXPECT_TRUE(has(failed.error().description, files.key)) << failed.error().description;
    send(*client.channel, "still");
    ASSERT_TRUE(run_until(loop, [&] { return !client.messages.empty(); }));
    EXPECT_TRUE(dial(server, authority.ca_file()));
}

TEST(Tls, TheServerKnowsWhenItsCertificateIsValid) {
    CertificateAuthority authority;
    CertificateOrder order = kLoopback;
    order.valid_from = -1000;
    order.valid_to = 5000;
    const auto seconds_from_now = [](WallTime time) {
        return std::chrono::duration<double>(time.time_since_epoch()).count() -
               std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
                   .count();
    };
    const auto tls = load(authority.issue("server", order));
    EXPECT_NEAR(seconds_from_now(tls->validity().from), -1000, 60);
    EXPECT_NEAR(seconds_from_now(tls->validity().until), 5000, 60);
    order.valid_to = 9000;
    authority.issue("server", order);
    EXPECT_NEAR(seconds_from_now(tls->validity().until), 5000, 60);
    ASSERT_TRUE(tls->reload());
    EXPECT_NEAR(seconds_from_now(tls->validity().until), 9000, 60);
}

TEST(Tls, FilesThatCannotBeUsedAreNamed) {
    CertificateAuthority authority;
    const auto files = authority.issue("one", kLoopback);
    const auto others = authority.issue("two", kLoopback);
    const auto missing = TlsServer::load(authority.folder() + "/missing.pem", files.key);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::invalid_argument);
    EXPECT_TRUE(has(missing.error().description, "missing.pem: there is no such file"))
        << missing.error().description;
    const auto mixed = TlsServer::load(files.certificate, others.key);
    ASSERT_FALSE(mixed);
    EXPECT_TRUE(has(mixed.error().description,
                    others.key + ": is not the key of the certificate in " + files.certificate))
        << mixed.error().description;
    AsioLoop loop;
    Server server(loop, with_tls(load(files)));
    Dialed dialed = dial(server, authority.folder() + "/no-ca.pem");
    ASSERT_FALSE(dialed);
    EXPECT_EQ(dialed.error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(dialed.error().retryable);
    EXPECT_TRUE(has(dialed.error().description, "no-ca.pem")) << dialed.error().description;
}

// What an operator reads when the renewal of a certificate went wrong.
TEST(Tls, WhatIsWrongWithAFileIsSaidInWordsAndNotInThoseOfOpenSsl) {
    CertificateAuthority authority;
    const auto good = authority.issue("one", kLoopback);
    const auto write = [&](const std::string& name, const std::string& content) {
        const std::string path = authority.folder() + "/" + name;
        std::ofstream(path) << content;
        return path;
    };
    const std::string text = write("text", "hello");
    const std::string cut =
        write("cut", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    const std::string bad_key =
        write("bad.key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n");
    const std::string locked =
        write("locked.key",
              "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n");
    const struct {
        std::string certificate, key, path, words;
    } cases[] = {
        {text, good.key, text, "holds no certificate in PEM form"},
        {write("empty", ""), good.key, "empty", "holds no certificate in PEM form"},
        {cut, good.key, cut, "a certificate in it is damaged"},
        {good.key, good.certificate, good.key, "are the two files swapped?"},
        {authority.folder(), good.key, authority.folder(), "is a folder"},
        {good.certificate, good.certificate, good.certificate, "are the two files swapped?"},
        {good.certificate, text, text, "holds no private key in PEM form"},
        {good.certificate, bad_key, bad_key, "the private key in it is damaged"},
        {good.certificate, locked, locked, "is locked with a passphrase"},
        {good.certificate, "none.key", "none.key", "there is no such file"},
    };
    for (const auto& one : cases) {
        const auto loaded = TlsServer::load(one.certificate, one.key);
        ASSERT_FALSE(loaded) << one.words;
        const std::string& said = loaded.error().description;
        EXPECT_TRUE(has(said, one.path + ": ") && has(said, one.words)) << said;
        EXPECT_FALSE(has(said, " lib") || has(said, "routines")) << said;
    }
}

TEST(Tls, AKeyThatMayNotBeReadIsSaidToBeSo) {
    CertificateAuthority authority;
    const auto files = authority.issue("one", kLoopback);
    namespace fs = std::filesystem;
    fs::permissions(authority.folder(), fs::perms::all);
    fs::permissions(files.certificate, fs::perms::all);
    fs::permissions(files.key, fs::perms::none);
    // To root nothing is forbidden.
    const bool is_root = ::geteuid() == 0;
    ASSERT_TRUE(!is_root || ::seteuid(65534) == 0);
    const auto loaded = TlsServer::load(files.certificate, files.key);
    ASSERT_TRUE(!is_root || ::seteuid(0) == 0);
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(has(loaded.error().description, files.key + ": the user that this process runs as "
                                                            "may not read it"))
        << loaded.error().description;
}

TEST(Tls, APlainClientAndATlsServerTellEachOtherApart) {
    CertificateAuthority authority;
    AsioLoop loop;
    Server secure(loop, with_tls(load(authority.issue("server", kLoopback))));
    Dialed dialed = testing::dial(loop, target_of(secure.url("ws")));
    ASSERT_FALSE(dialed);
    EXPECT_EQ(dialed.error().code, ErrorCode::server_error);
    EXPECT_TRUE(has(dialed.error().description, "use wss://")) << dialed.error().description;
    Server plain(loop);
    dialed = dial(plain, authority.ca_file());
    ASSERT_FALSE(dialed);
    EXPECT_EQ(dialed.error().code, ErrorCode::server_error);
    EXPECT_TRUE(has(dialed.error().description, "does not speak TLS"))
        << dialed.error().description;
}

TEST(Tls, AClientThatFallsSilentInTheHandshakeIsDropped) {
    CertificateAuthority authority;
    const auto tls = load(authority.issue("server", kLoopback));
    AsioLoop loop;
    Server server(loop, [&](ListenOptions& options) {
        options.tls = tls;
        options.request_timeout = 20ms;
    });
    RawPeer peer = RawPeer::to_port(server.port());
    peer.send(std::string("\x16\x03\x01\x02\x00\x01", 6));
    EXPECT_TRUE(peer.await_end(loop));
    RawPeer garbage = RawPeer::to_port(server.port());
    garbage.send("GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(garbage.await_end(loop));
}

}  // namespace
}  // namespace parley::asio
