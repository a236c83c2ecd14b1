#pragma once

#include "parley/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace parley::parleyd {

// What a backup holds: the text file MANIFEST in it (spec/backup.md).
struct Manifest {
    struct File {
        std::string path;  // within the backup
        std::uint64_t size = 0;
        std::string sha256;  // hexadecimal; empty: the file has checksums of its own
    };

    std::string made;     // RFC 3339
    std::string version;  // of the parleyd that made it
    std::string epoch;    // of the store that it was taken from
    std::vector<File> files;

    std::uint64_t bytes() const;
};

inline constexpr const char* kManifestFile = "MANIFEST";

std::string encode(const Manifest& manifest);
// Errors say what is wrong, without the file's name.
Result<Manifest> decode_manifest(const std::string& text);

// What is known of the file DIR/PATH now: its size, and its SHA-256 unless it is one of the
// engine's tables, which hold checksums of their blocks.
Result<Manifest::File> describe_file(const std::string& folder, const std::string& path);

}  // namespace parley::parleyd
