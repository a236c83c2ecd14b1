#include "wire/websocket/decoder.h"

#include "base/random.h"
#include "wire/websocket/testing/transcript.h"

#include <gtest/gtest.h>

#include <algorithm>

// What a decoder says may not depend on how the network cut the bytes. Streams are made from a
// seed: most of them legal, some with a wrong bit, some of mere noise.
namespace parley::websocket {
namespace {

using testing::bytes_of;
using testing::RawFrame;

using Lines = std::vector<std::string>;

std::string random_text(Random& random, std::size_t size) {
    static constexpr std::string_view pieces[] = {"a", "bc", "\xC3\xBC", "\xE2\x82\xAC",
                                                  "\xF0\x9F\x98\x80"};
    std::string text;
    while (text.size() < size) {
        text += pieces[random.below(std::size(pieces))];
    }
    return text;
}

std::string random_stream(Random& random, bool masked) {
    std::string bytes;
    const std::uint64_t messages = random.below(8);
    for (std::uint64_t i = 0; i < messages; ++i) {
        const bool text = random.chance(0.5);
        const std::size_t sizes[] = {0, 3, 125, 126, 200, 65536};
        std::string left = random_text(random, sizes[random.below(std::size(sizes))]);
        int opcode = text ? 0x1 : 0x2;
        bool final = false;
        while (!final) {
            final = random.chance(0.6);
            const std::size_t size = final ? left.size() : random.below(left.size() + 1);
            bytes += bytes_of({.opcode = opcode,
                               .payload = left.substr(0, size),
                               .final = final,
                               .masked = masked});
            left.erase(0, size);
            opcode = 0x0;
            if (random.chance(0.3)) {
                bytes += bytes_of({.opcode = random.chance(0.5) ? 0x9 : 0xA,
                                   .payload = random_text(random, random.below(100)),
                                   .masked = masked});
            }
        }
    }
    if (random.chance(0.3)) {
        bytes += bytes_of({.opcode = 0x8, .payload = "\x03\xE9why", .masked = masked});
    }
    return bytes;
}

Lines decode_in_random_pieces(Random& random, std::string_view bytes,
                              const DecoderOptions& options) {
    Decoder decoder(options);
    Lines lines;
    while (!bytes.empty()) {
        const std::uint64_t most = random.chance(0.5) ? 8 : 70000;
        const std::size_t size = std::min<std::size_t>(bytes.size(), 1 + random.below(most));
        testing::feed(decoder, bytes.substr(0, size), lines);
        bytes.remove_prefix(size);
    }
    return lines;
}

TEST(DecoderSplit, EveryCutOfAStreamGivesTheSameEvents) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        Random random(seed);
        const Role role = random.chance(0.5) ? Role::server : Role::client;
        const DecoderOptions options{role, 100000, std::nullopt};
        std::string bytes = random_stream(random, role == Role::server);
        if (!bytes.empty() && random.chance(0.5)) {
            bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
        }
        const Lines whole = testing::decode(bytes, options);
        for (int i = 0; i < 5; ++i) {
            ASSERT_EQ(decode_in_random_pieces(random, bytes, options), whole) << "seed " << seed;
        }
    }
}

TEST(DecoderSplit, EveryTwoPiecesOfAShortStreamGiveTheSameEvents) {
    Random random(99);
    const std::string bytes =
        bytes_of({.opcode = 0x1, .payload = "\xF0\x9F\x98", .final = false}) +
        bytes_of({.opcode = 0x9, .payload = "ping"}) +
        bytes_of({.opcode = 0x0, .payload = "\x80 end"}) +
        bytes_of({.payload = std::string(130, 'b')}) +
        bytes_of({.opcode = 0x8, .payload = "\x03\xE8" + random_text(random, 9)});
    const Lines whole = testing::decode(bytes);
    ASSERT_EQ(whole.size(), 4u);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        Decoder decoder(testing::server_options());
        Lines lines;
        testing::feed(decoder, bytes.substr(0, cut), lines);
        testing::feed(decoder, bytes.substr(cut), lines);
        ASSERT_EQ(lines, whole) << cut;
    }
}

TEST(DecoderSplit, NoiseNeverDoesMoreThanEndTheConnection) {
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        Random random(seed);
        std::string bytes(random.below(60), '\0');
        for (char& c : bytes) {
            c = static_cast<char>(random.next());
        }
        const DecoderOptions options{Role::server, 40, std::nullopt};
        const Lines whole = testing::decode(bytes, options);
        ASSERT_EQ(testing::decode_bytewise(bytes, options), whole) << "seed " << seed;
        for (std::size_t i = 0; i + 1 < whole.size(); ++i) {
            ASSERT_FALSE(whole[i].starts_with("violation")) << "seed " << seed;
            ASSERT_FALSE(whole[i].starts_with("close")) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace parley::websocket
