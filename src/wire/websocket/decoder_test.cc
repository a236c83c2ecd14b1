#include "wire/websocket/decoder.h"

#include "wire/websocket/testing/transcript.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

// In the order of the Autobahn test suite: framing, pings, reserved bits, opcodes, fragmentation,
// UTF-8, limits. Every case is decoded whole and byte by byte.
namespace parley::websocket {
namespace {

using testing::bytes_of;
using testing::decode;
using testing::decode_bytewise;
using testing::RawFrame;
using testing::server_options;

using Lines = std::vector<std::string>;

void expect(const std::string& bytes, const Lines& lines,
            const DecoderOptions& options = server_options()) {
    EXPECT_EQ(decode(bytes, options), lines);
    EXPECT_EQ(decode_bytewise(bytes, options), lines);
}

std::string join(const std::vector<RawFrame>& frames) {
    std::string bytes;
    for (const RawFrame& frame : frames) {
        bytes += bytes_of(frame);
    }
    return bytes;
}

constexpr int kContinuation = 0x0;
constexpr int kText = 0x1;
constexpr int kBinary = 0x2;
constexpr int kClose = 0x8;
constexpr int kPing = 0x9;
constexpr int kPong = 0xA;

// ---- 1: framing

TEST(Decoder, TakesMessagesOfEverySizeAtTheEdgesOfTheLengthForms) {
    for (const std::size_t size : {0u, 1u, 125u, 126u, 127u, 128u, 65535u, 65536u}) {
        const std::string payload(size, '*');
        expect(bytes_of({.opcode = kText, .payload = payload}), {"text:" + payload});
        expect(bytes_of({.opcode = kBinary, .payload = payload}), {"binary:" + payload});
    }
}

TEST(Decoder, HandsOutAWholeMessageInPlace) {
    std::string bytes = bytes_of({.payload = "in place"});
    const auto buffer = std::as_writable_bytes(std::span(bytes));
    Decoder decoder(server_options());
    decoder.feed(buffer);
    const auto event = decoder.next();
    ASSERT_TRUE(event);
    const auto& message = std::get<Decoder::Message>(*event);
    EXPECT_EQ(message.bytes.data(), buffer.data() + 6);
    EXPECT_EQ(as_text(message.bytes), "in place");
}

TEST(Decoder, AClientTakesUnmaskedFramesOnly) {
    const DecoderOptions client{Role::client, 1000, std::nullopt};
    expect(bytes_of({.payload = "plain", .masked = false}), {"binary:plain"}, client);
    expect(bytes_of({.payload = "masked", .masked = true}), {"violation:1002"}, client);
}

TEST(Decoder, AServerTakesMaskedFramesOnly) {
    expect(bytes_of({.payload = "plain", .masked = false}), {"violation:1002"});
    expect(bytes_of({.opcode = kPing, .payload = "", .masked = false}), {"violation:1002"});
}

TEST(Decoder, TakesManyMessagesFromOnePiece) {
    std::string bytes;
    Lines lines;
    for (int i = 0; i < 500; ++i) {
        bytes += bytes_of({.payload = std::to_string(i)});
        lines.push_back("binary:" + std::to_string(i));
    }
    expect(bytes, lines);
}

TEST(Decoder, GivesBackWhatItHasNotLookedAt) {
    const std::string second = bytes_of({.payload = "two"});
    std::string bytes = bytes_of({.payload = "one"}) + second;
    Decoder decoder(server_options());
    decoder.feed(std::as_writable_bytes(std::span(bytes)));
    ASSERT_TRUE(decoder.next());
    const auto rest = decoder.take_rest();
    EXPECT_EQ(as_text(rest), second);
    EXPECT_FALSE(decoder.next());
    decoder.feed(rest);
    const auto event = decoder.next();
    ASSERT_TRUE(event);
    EXPECT_EQ(testing::line_of(*event), "binary:two");
}

TEST(Decoder, ALengthMustHaveItsShortestForm) {
    expect(bytes_of({.payload = std::string(125, 'x'), .length_form = 16}), {"violation:1002"});
    expect(bytes_of({.payload = std::string(125, 'x'), .length_form = 64}), {"violation:1002"});
    expect(bytes_of({.payload = std::string(65535, 'x'), .length_form = 64}), {"violation:1002"});
    expect(bytes_of({.payload = "", .length_form = 16}), {"violation:1002"});
}

TEST(Decoder, ALengthMayNotHave64Bits) {
    std::string bytes = "\x82\xFF";
    bytes += std::string("\x80\x00\x00\x00\x00\x00\x00\x01", 8);
    expect(bytes, {"violation:1002"});
}

// ---- 2: pings and pongs

TEST(Decoder, PingsAndPongsCarryUpTo125Bytes) {
    const std::string most(125, '\xFE');
    expect(join({{.opcode = kPing, .payload = ""},
                 {.opcode = kPing, .payload = "Hello"},
                 {.opcode = kPing, .payload = most},
                 {.opcode = kPong, .payload = "unasked"},
                 {.opcode = kPong, .payload = ""}}),
           {"ping:", "ping:Hello", "ping:" + most, "pong:unasked", "pong:"});
}

TEST(Decoder, AControlFrameOfMoreThan125BytesIsAViolation) {
    for (const int opcode : {kClose, kPing, kPong}) {
        expect(bytes_of({.opcode = opcode, .payload = std::string(126, 'x')}), {"violation:1002"});
    }
}

TEST(Decoder, AFragmentedControlFrameIsAViolation) {
    for (const int opcode : {kClose, kPing, kPong}) {
        expect(bytes_of({.opcode = opcode, .payload = "", .final = false}), {"violation:1002"});
    }
}

// ---- 3: reserved bits

TEST(Decoder, ReservedBitsAreViolationsInEveryFrame) {
    for (const int bit : {0x40, 0x20, 0x10, 0x30, 0x50, 0x60, 0x70}) {
        for (const int opcode : {kText, kBinary, kClose, kPing, kPong}) {
            expect(bytes_of({.payload = "good"}) +
                       bytes_of({.opcode = opcode, .payload = "x", .reserved = bit}) +
                       bytes_of({.payload = "ignored"}),
                   {"binary:good", "violation:1002"});
        }
    }
}

// ---- 4: opcodes

TEST(Decoder, ReservedOpcodesAreViolations) {
    for (const int opcode : {0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF}) {
        expect(bytes_of({.opcode = opcode, .payload = ""}), {"violation:1002"});
        expect(bytes_of({.opcode = opcode, .payload = "payload"}), {"violation:1002"});
    }
}

TEST(Decoder, TheOtherKindOfMessageIs1003BeforeItsPayload) {
    const DecoderOptions binary{Role::server, 1000, Opcode::binary};
    const DecoderOptions text{Role::server, 1000, Opcode::text};
    expect(bytes_of({.opcode = kText, .payload = "t"}), {"violation:1003"}, binary);
    expect(bytes_of({.opcode = kBinary, .payload = "b"}), {"violation:1003"}, text);
    expect(bytes_of({.opcode = kText, .payload = "t"}).substr(0, 2), {"violation:1003"}, binary);
    expect(bytes_of({.opcode = kText, .payload = "t"}), {"text:t"}, text);
}

// ---- 5: fragmentation

TEST(Decoder, JoinsFragmentsOfEverySizeAlsoEmptyOnes) {
    expect(join({{.opcode = kText, .payload = "frag", .final = false},
                 {.opcode = kContinuation, .payload = "ment"}}),
           {"text:fragment"});
    expect(join({{.opcode = kBinary, .payload = "", .final = false},
                 {.opcode = kContinuation, .payload = "", .final = false},
                 {.opcode = kContinuation, .payload = ""}}),
           {"binary:"});
    expect(join({{.opcode = kBinary, .payload = "", .final = false},
                 {.opcode = kContinuation, .payload = "middle", .final = false},
                 {.opcode = kContinuation, .payload = ""}}),
           {"binary:middle"});
}

TEST(Decoder, ControlFramesMayStandBetweenFragments) {
    expect(join({{.opcode = kText, .payload = "a", .final = false},
                 {.opcode = kPing, .payload = "1"},
                 {.opcode = kContinuation, .payload = "b", .final = false},
                 {.opcode = kPong, .payload = "2"},
                 {.opcode = kContinuation, .payload = "c"},
                 {.opcode = kPing, .payload = "3"}}),
           {"ping:1", "pong:2", "text:abc", "ping:3"});
}

TEST(Decoder, ACloseBetweenFragmentsEndsIt) {
    expect(join({{.opcode = kText, .payload = "a", .final = false},
                 {.opcode = kClose, .payload = "\x03\xE8"},
                 {.opcode = kContinuation, .payload = "b"}}),
           {"close:1000:"});
}

TEST(Decoder, AContinuationOfNothingIsAViolation) {
    expect(bytes_of({.opcode = kContinuation, .payload = "x"}), {"violation:1002"});
    expect(bytes_of({.opcode = kContinuation, .payload = "x", .final = false}), {"violation:1002"});
    expect(join({{.opcode = kText, .payload = "whole"}, {.opcode = kContinuation}}),
           {"text:whole", "violation:1002"});
}

TEST(Decoder, ANewMessageInsideAFragmentedOneIsAViolation) {
    expect(join({{.opcode = kText, .payload = "a", .final = false},
                 {.opcode = kText, .payload = "b"}}),
           {"violation:1002"});
    expect(join({{.opcode = kBinary, .payload = "a", .final = false},
                 {.opcode = kBinary, .payload = "b", .final = false}}),
           {"violation:1002"});
}

// ---- 6: UTF-8

TEST(Decoder, TextMustBeUtf8HoweverItIsCut) {
    const std::string good = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5";
    expect(bytes_of({.opcode = kText, .payload = good}), {"text:" + good});
    for (std::size_t cut = 0; cut <= good.size(); ++cut) {
        expect(join({{.opcode = kText, .payload = good.substr(0, cut), .final = false},
                     {.opcode = kPing, .payload = "\xFF"},
                     {.opcode = kContinuation, .payload = good.substr(cut)}}),
               {"ping:\xFF", "text:" + good});
    }
    const std::string bad = good + "\xED\xA0\x80" + "edited";
    expect(bytes_of({.opcode = kText, .payload = bad}), {"violation:1007"});
    expect(bytes_of({.opcode = kBinary, .payload = bad}), {"binary:" + bad});
}

TEST(Decoder, TextThatEndsInsideACharacterIsAViolation) {
    expect(bytes_of({.opcode = kText, .payload = "a\xF0\x9F\x98"}), {"violation:1007"});
    expect(join({{.opcode = kText, .payload = "a\xF0\x9F", .final = false},
                 {.opcode = kContinuation, .payload = ""}}),
           {"violation:1007"});
}

TEST(Decoder, WrongTextFailsAtItsFirstWrongByte) {
    const std::string bytes =
        bytes_of({.opcode = kText, .payload = "ok\xFF" + std::string(1000, 'x'), .final = false});
    Decoder decoder(server_options());
    Lines lines;
    testing::feed(decoder, std::string_view(bytes).substr(0, 8 + 2), lines);
    EXPECT_TRUE(lines.empty());
    testing::feed(decoder, std::string_view(bytes).substr(10, 1), lines);
    EXPECT_EQ(lines, Lines{"violation:1007"});
    EXPECT_TRUE(decoder.ended());
}

TEST(Decoder, AMessageAfterACutOneStartsAfresh) {
    expect(join({{.opcode = kText, .payload = "\xC3", .final = false},
                 {.opcode = kContinuation, .payload = "\xBC"},
                 {.opcode = kText, .payload = "next"},
                 {.opcode = kBinary, .payload = "\xFF"}}),
           {"text:\xC3\xBC", "text:next", "binary:\xFF"});
}

// ---- 9: limits

TEST(Decoder, TheLimitIsJudgedFromTheHeaderOfAFrame) {
    const DecoderOptions small{Role::server, 1000, std::nullopt};
    expect(bytes_of({.payload = std::string(1000, 'x')}), {"binary:" + std::string(1000, 'x')},
           small);
    const std::string above = bytes_of({.payload = std::string(1001, 'x')});
    expect(above, {"violation:1009"}, small);
    // Before the mask, let alone the payload, has come.
    EXPECT_EQ(decode(above.substr(0, 4), small), Lines{"violation:1009"});
    std::string huge = "\x82\xFF";
    huge += std::string("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
    EXPECT_EQ(decode(huge, small), Lines{"violation:1009"});
}

TEST(Decoder, TheLimitCoversAllFragmentsOfAMessage) {
    const DecoderOptions small{Role::server, 10, std::nullopt};
    expect(join({{.payload = "123456", .final = false},
                 {.opcode = kPing, .payload = std::string(100, 'p')},
                 {.opcode = kContinuation, .payload = "7890"}}),
           {"ping:" + std::string(100, 'p'), "binary:1234567890"}, small);
    expect(join({{.payload = "123456", .final = false},
                 {.opcode = kContinuation, .payload = "78901"}}),
           {"violation:1009"}, small);
    // Each message has the whole limit.
    expect(join({{.payload = "1234567890"}, {.payload = "1234567890"}}),
           {"binary:1234567890", "binary:1234567890"}, small);
}

TEST(Decoder, AnythingAfterTheEndIsIgnored) {
    Decoder decoder(server_options());
    Lines lines;
    testing::feed(decoder, bytes_of({.opcode = kClose, .payload = ""}), lines);
    testing::feed(decoder, bytes_of({.payload = "late"}), lines);
    EXPECT_EQ(lines, Lines{"close:1005:"});
    EXPECT_TRUE(decoder.ended());
}

}  // namespace
}  // namespace parley::websocket
