// The manifest of a backup: any text is an error of one line, or names files that stay within the
// folder; what was read is written so that it reads the same. Its last line is a hash of the rest,
// so the text is also read with one that fits.
#include "apps/parleyd/manifest.h"
#include "base/assert.h"
#include "base/crypto.h"

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace parley::parleyd {
namespace {

std::string with_end(std::string text) {
    constexpr char kHex[] = "0123456789abcdef";
    if (!text.empty() && text.back() != '\n') {
        text += '\n';
    }
    std::string end = "end ";
    for (const unsigned char byte : sha256(text)) {
        end += kHex[byte >> 4];
        end += kHex[byte & 15];
    }
    return text + end + "\n";
}

void check(const std::string& text) {
    const auto manifest = decode_manifest(text);
    if (!manifest) {
        PARLEY_ASSERT(!manifest.error().description.empty());
        PARLEY_ASSERT(manifest.error().description.find('\n') == std::string::npos);
        return;
    }
    // All of it counts: nothing can be put behind the hash.
    PARLEY_ASSERT(with_end(text.substr(0, text.rfind("end "))) == text);
    for (const Manifest::File& file : manifest->files) {
        const auto path = std::filesystem::path("/backup") / file.path;
        PARLEY_ASSERT(path.lexically_normal() == path);
        PARLEY_ASSERT(path.string().starts_with("/backup/") && path.has_filename());
    }
    const std::string written = encode(*manifest);
    const auto again = decode_manifest(written);
    PARLEY_ASSERT(again && encode(*again) == written);
    PARLEY_ASSERT(again->files.size() == manifest->files.size());
}

}  // namespace
}  // namespace parley::parleyd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    parley::parleyd::check(text);
    parley::parleyd::check(parley::parleyd::with_end(text));
    return 0;
}
