#include "wire/websocket/frame.h"

#include "wire/websocket/testing/transcript.h"

#include <gtest/gtest.h>

namespace parley::websocket {
namespace {

std::string frame(Opcode opcode, std::string_view payload, const std::optional<MaskKey>& key) {
    Bytes out;
    append_frame(out, opcode, as_bytes(payload), key);
    return out;
}

TEST(Frame, MatchesTheExamplesOfTheStandard) {
    // RFC 6455, 5.7.
    EXPECT_EQ(frame(Opcode::text, "Hello", std::nullopt), "\x81\x05Hello");
    EXPECT_EQ(frame(Opcode::text, "Hello", testing::kKey),
              "\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58");
    EXPECT_EQ(frame(Opcode::ping, "Hello", std::nullopt), "\x89\x05Hello");
    EXPECT_EQ(frame(Opcode::binary, std::string(256, 'b'), std::nullopt),
              std::string("\x82\x7E\x01\x00", 4) + std::string(256, 'b'));
    EXPECT_EQ(
        frame(Opcode::binary, std::string(65536, 'b'), std::nullopt),
        std::string("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10) + std::string(65536, 'b'));
}

TEST(Frame, LengthsUseTheirShortestForm) {
    for (const std::size_t size : {0u, 125u, 126u, 65535u, 65536u}) {
        for (const Role role : {Role::server, Role::client}) {
            const auto key =
                role == Role::client ? std::optional<MaskKey>(testing::kKey) : std::nullopt;
            std::byte header[kMaxHeaderBytes];
            EXPECT_EQ(write_header(header, Opcode::binary, size, key), header_bytes(size, role));
            const std::string payload(size, 'p');
            EXPECT_EQ(frame(Opcode::binary, payload, key),
                      testing::bytes_of({.payload = payload, .masked = role == Role::client}));
        }
    }
}

TEST(Frame, MaskingInPiecesEqualsMaskingAtOnce) {
    std::string text;
    for (int i = 0; i < 61; ++i) {
        text += static_cast<char>(i);
    }
    std::string whole = text;
    apply_mask(std::as_writable_bytes(std::span(whole)), testing::kKey, 0);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        std::string pieces = text;
        const auto bytes = std::as_writable_bytes(std::span(pieces));
        apply_mask(bytes.first(cut), testing::kKey, 0);
        apply_mask(bytes.subspan(cut), testing::kKey, cut);
        ASSERT_EQ(pieces, whole);
    }
    apply_mask(std::as_writable_bytes(std::span(whole)), testing::kKey, 0);
    EXPECT_EQ(whole, text);
}

TEST(Frame, OnlyCodesThatTheStandardAllowsAreSendable) {
    for (int code = 0; code < 65536; ++code) {
        const bool sendable =
            (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
            (code >= 3000 && code <= 4999);
        ASSERT_EQ(is_sendable_close_code(static_cast<std::uint16_t>(code)), sendable) << code;
    }
}

TEST(Frame, ACloseReasonIsCutAtTheEndOfACharacter) {
    EXPECT_EQ(close_payload(1000, "bye"),
              "\x03\xE8"
              "bye");
    EXPECT_EQ(close_payload(1005, "ignored"), "");
    EXPECT_EQ(close_payload(1006, ""), "\x03\xE8");
    EXPECT_EQ(close_payload(1000, std::string(123, 'r')).size(), 125u);
    EXPECT_EQ(close_payload(1000, std::string(124, 'r')).size(), 125u);
    const std::string cut = close_payload(1000, std::string(121, 'r') + "\xE2\x82\xAC");
    EXPECT_EQ(cut.size(), 123u);
    EXPECT_TRUE(is_valid_utf8(as_bytes(cut).subspan(2)));
}

}  // namespace
}  // namespace parley::websocket
