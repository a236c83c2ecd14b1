#include "adapters/asio/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

// The bytes are those of the specification (haproxy's proxy-protocol.txt, sections 2.1 and 2.2).
namespace parley::asio {
namespace {

using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string kTcp4 =
    kSignature + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xcb\x00\x71\x05\x10\x92\x01\xbb"s;
const std::string kTcp6 = kSignature + "\x21\x21\x00\x24"s +
                          "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"s +
                          "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"s +
                          "\x10\x92\x01\xbb"s;

struct Outcome {
    ProxyHeader header;
    std::size_t used = 0;
};

// In pieces of this size, as they come from a connection.
Outcome read(const std::string& bytes, std::size_t piece) {
    Outcome outcome;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        outcome.used += outcome.header.feed(as_bytes(std::string_view(bytes).substr(at, piece)));
    }
    return outcome;
}

std::string source_of(const std::string& bytes) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, bytes.size() + 5}) {
        // What follows belongs to the client: TLS, or HTTP.
        const Outcome outcome = read(bytes + "GET /", piece);
        EXPECT_EQ(outcome.header.state(), ProxyHeader::State::complete) << outcome.header.what();
        EXPECT_EQ(outcome.used, bytes.size()) << "not a byte behind the header, by " << piece;
    }
    const auto source = read(bytes, bytes.size()).header.source();
    return source ? source->to_text() : "";
}

std::string failure_of(const std::string& bytes) {
    const Outcome outcome = read(bytes, 1);
    EXPECT_EQ(outcome.header.state(), ProxyHeader::State::failed);
    EXPECT_EQ(read(bytes, bytes.size()).header.what(), outcome.header.what());
    return std::string(outcome.header.what());
}

TEST(ProxyHeader, OfVersion1NamesTheClient) {
    EXPECT_EQ(source_of("PROXY TCP4 192.0.2.1 203.0.113.5 4242 443\r\n"), "192.0.2.1");
    EXPECT_EQ(source_of("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
              "255.255.255.255");
    EXPECT_EQ(source_of("PROXY TCP6 2001:db8::1 2001:db8::2 4242 443\r\n"), "2001:db8::1");
    EXPECT_EQ(source_of("PROXY UNKNOWN\r\n"), "");
    EXPECT_EQ(source_of("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), "");
}

TEST(ProxyHeader, OfVersion2NamesTheClient) {
    EXPECT_EQ(source_of(kTcp4), "192.0.2.1");
    EXPECT_EQ(source_of(kTcp6), "2001:db8::1");
}

TEST(ProxyHeader, OfVersion2MaySpeakForTheProxyItself) {
    EXPECT_EQ(source_of(kSignature + "\x20\x00\x00\x00"s), "");
    EXPECT_EQ(source_of(kSignature + "\x20\x11\x00\x0c"s + std::string(12, 'x')), "");
    EXPECT_EQ(source_of(kSignature + "\x21\x00\x00\x00"s), "");
    EXPECT_EQ(source_of(kSignature + "\x21\x31\x00\xd8"s + std::string(216, 'x')), "");
}

TEST(ProxyHeader, OfVersion2MayCarryMoreThanAddresses) {
    std::string with_more = kTcp4 + std::string(5000, '\x04');
    with_more[14] = static_cast<char>(5012 >> 8);
    with_more[15] = static_cast<char>(5012 & 0xff);
    EXPECT_EQ(source_of(with_more), "192.0.2.1");
}

TEST(ProxyHeader, OfVersion1IsReadStrictly) {
    for (const std::string line :
         {"PROXY TCP4 192.0.2.1 203.0.113.5 4242\r\n", "PROXY TCP4  192.0.2.1 203.0.113.5 1 2\r\n",
          "PROXY TCP4 192.0.2.1 203.0.113.5 4242 443 5\r\n",
          "PROXY TCP4 192.0.2.1 203.0.113.5 4242 65536\r\n",
          "PROXY TCP4 192.0.2.1 203.0.113.5 -1 443\r\n",
          "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
          "PROXY TCP4 192.0.2.256 203.0.113.5 1 2\r\n", "PROXY TCP4\r\n", "PROXY \r\n"}) {
        EXPECT_NE(failure_of(line), "") << line;
    }
    EXPECT_EQ(failure_of("PROXY TCP4 192.0.2.1 203.0.113.5 4242 443\n"),
              "a PROXY line that does not end with CR LF");
    EXPECT_EQ(failure_of("PROXY UNIX a b\r\n"), "a PROXY line of an unknown family");
    EXPECT_EQ(failure_of("PROXY TCP4 " + std::string(200, '1')),
              "a PROXY line longer than 107 bytes");
}

TEST(ProxyHeader, OfVersion2IsReadStrictly) {
    EXPECT_EQ(failure_of(kSignature + "\x31\x11\x00\x0c"s),
              "a PROXY header of an unknown version or command");
    EXPECT_EQ(failure_of(kSignature + "\x22\x11\x00\x0c"s),
              "a PROXY header of an unknown version or command");
    EXPECT_EQ(failure_of(kSignature + "\x21\x12\x00\x0c"s), "a PROXY header of an unknown family");
    EXPECT_EQ(failure_of(kSignature + "\x21\x11\x00\x0b"s),
              "a PROXY header too short for its addresses");
    EXPECT_EQ(failure_of(kSignature + "\x21\x21\x00\x23"s),
              "a PROXY header too short for its addresses");
}

TEST(ProxyHeader, IsMissedAtTheFirstByteThatDoesNotFit) {
    EXPECT_EQ(failure_of("GET / HTTP/1.1\r\n"), "no PROXY header");
    EXPECT_EQ(failure_of("\x16\x03\x01"), "no PROXY header");
    EXPECT_EQ(failure_of("\r\n\r\nGET"), "no PROXY header");
    EXPECT_EQ(read("GET", 3).used, 1u);
    EXPECT_EQ(read("PRO", 3).header.state(), ProxyHeader::State::incomplete);
}

TEST(ProxyHeader, IsRecognizedWhereItWasNotExpected) {
    const auto recognizes = [](const std::string& text) {
        return ProxyHeader::recognizes(as_bytes(text));
    };
    EXPECT_TRUE(recognizes("PROXY TCP4 1"));
    EXPECT_TRUE(recognizes(kTcp6));
    EXPECT_FALSE(recognizes("PROPFIND / HTTP/1.1"));
    EXPECT_FALSE(recognizes("PROX"));
    EXPECT_FALSE(recognizes("\r\n\r\n"));
}

}  // namespace
}  // namespace parley::asio
