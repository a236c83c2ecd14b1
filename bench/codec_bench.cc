// The WebSocket codec: frames written, masked and read, from a few bytes to the longest text.
#include "operations.h"
#include "wire/websocket/decoder.h"
#include "wire/websocket/frame.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

namespace parley::bench {
namespace {

using websocket::Decoder;
using websocket::DecoderOptions;
using websocket::MaskKey;
using websocket::Opcode;
using websocket::Role;

// Leaves ASCII ASCII, so that text stays text however often it is masked.
constexpr MaskKey kKey{1, 2, 3, 4};
constexpr std::size_t kSizes[] = {16, 128, 1024, 4096, 65536};

Operation encode(std::size_t size, Role role) {
    const char* name = role == Role::client ? "codec/encode masked/" : "codec/encode/";
    auto make = [size, role]() -> Task {
        Bytes out;
        out.reserve(size + websocket::kMaxHeaderBytes);
        return [out = std::move(out), payload = Bytes(size, 'p'), role]() mutable {
            out.clear();
            websocket::append_frame(out, Opcode::binary, as_bytes(payload),
                                    role == Role::client ? std::optional(kKey) : std::nullopt);
            benchmark::DoNotOptimize(out.data());
        };
    };
    return {name + std::to_string(size), std::move(make), 1, size};
}

Operation mask(std::size_t size, std::size_t offset) {
    auto make = [size, offset]() -> Task {
        return [piece = Bytes(size, 'p'), offset]() mutable {
            websocket::apply_mask({reinterpret_cast<std::byte*>(piece.data()), piece.size()}, kKey,
                                  offset);
            benchmark::DoNotOptimize(piece.data());
        };
    };
    return {"codec/mask from " + std::to_string(offset) + "/" + std::to_string(size),
            std::move(make), 1, size};
}

// Reads the frames of one piece of input again and again. A masked payload is masked or not by
// turns, as it is changed in place: both are good messages.
class Reading {
  public:
    Reading(Role role, Opcode kind, std::size_t size, std::size_t frames) : frames_(frames) {
        options_.role = role;
        options_.only = kind;
        for (std::size_t i = 0; i < frames; ++i) {
            websocket::append_frame(input_, kind, as_bytes(Bytes(size, 'p')),
                                    role == Role::server ? std::optional(kKey) : std::nullopt);
        }
    }
    // In pieces of this size, as the network gives them; 0: whole.
    void read(std::size_t piece) {
        std::size_t found = 0;
        const std::span all(reinterpret_cast<std::byte*>(input_.data()), input_.size());
        for (std::size_t at = 0; at < all.size();) {
            const std::size_t size = std::min(all.size() - at, piece > 0 ? piece : all.size());
            decoder_.feed(all.subspan(at, size));
            at += size;
            while (auto event = decoder_.next()) {
                found += std::holds_alternative<Decoder::Message>(*event) ? 1 : 0;
            }
        }
        if (found != frames_) {
            std::abort();
        }
    }

  private:
    const std::size_t frames_;
    DecoderOptions options_;
    Decoder decoder_{options_};
    Bytes input_;
};

struct Shape {
    std::size_t frames = 1;
    std::size_t piece = 0;
};
Operation decode(const std::string& how, std::size_t size, Role role, Opcode kind,
                 Shape shape = {}) {
    auto make = [size, role, kind, shape]() -> Task {
        auto reading = std::make_unique<Reading>(role, kind, size, shape.frames);
        return [reading = std::move(reading), shape] { reading->read(shape.piece); };
    };
    return {"codec/decode" + how + "/" + std::to_string(size), std::move(make), shape.frames,
            size * shape.frames};
}

std::vector<Operation> operations() {
    std::vector<Operation> all;
    for (const std::size_t size : kSizes) {
        all.push_back(encode(size, Role::server));
        all.push_back(encode(size, Role::client));
        all.push_back(mask(size, 0));
        all.push_back(decode("", size, Role::client, Opcode::binary));
        all.push_back(decode(" masked", size, Role::server, Opcode::binary));
        all.push_back(decode(" masked text", size, Role::server, Opcode::text));
    }
    all.push_back(mask(1024, 3));
    all.push_back(decode(" masked, 32 in a read", 128, Role::server, Opcode::binary, {32, 0}));
    all.push_back(
        decode(" masked, in reads of 1400", 65536, Role::server, Opcode::binary, {1, 1400}));
    return all;
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    return parley::bench::run(argc, argv, parley::bench::operations());
}
