#include "manifest.h"

#include "base/try.h"
#include "files.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

namespace parley::parleyd {
namespace {

constexpr std::string_view kFirstLine = "parley backup 1";
constexpr std::string_view kNoHash = "-";

Error damaged(const std::string& what) {
    return make_error(ErrorCode::invalid_argument, what);
}

class Sha256 {
  public:
    Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
        EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
    }
    void add(std::string_view bytes) {
        EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
    }
    std::string hex() {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        EVP_DigestFinal_ex(context_.get(), digest, &size);
        std::string text;
        for (unsigned i = 0; i < size; ++i) {
            constexpr char kHex[] = "0123456789abcdef";
            text.push_back(kHex[digest[i] >> 4]);
            text.push_back(kHex[digest[i] & 15]);
        }
        return text;
    }

  private:
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

std::string hash_of(std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return hash.hex();
}

// A path stays within the folder that it is taken from and put into.
bool is_inside(const std::string& path) {
    const std::filesystem::path parts(path);
    return !path.empty() && parts.is_relative() &&
           std::none_of(parts.begin(), parts.end(), [](const auto& part) {
               return part == ".." || part == "." || part.empty();
           });
}

Result<Manifest::File> decode_file(const std::string& line) {
    std::istringstream fields(line);
    std::string word;
    std::string size;
    Manifest::File file;
    fields >> word >> size >> file.sha256;
    std::getline(fields >> std::ws, file.path);
    const auto [end, failure] = std::from_chars(size.data(), size.data() + size.size(), file.size);
    if (failure != std::errc() || end != size.data() + size.size() || !is_inside(file.path)) {
        return unexpected(damaged("the line \"" + line.substr(0, 80) + "\" names no file"));
    }
    if (file.sha256 == kNoHash) {
        file.sha256.clear();
    }
    return file;
}

}  // namespace

std::uint64_t Manifest::bytes() const {
    std::uint64_t sum = 0;
    for (const File& file : files) {
        sum += file.size;
    }
    return sum;
}

std::string encode(const Manifest& manifest) {
    std::string text(kFirstLine);
    text += "\nmade " + manifest.made + "\nversion " + manifest.version + "\nepoch " +
            manifest.epoch + "\n";
    for (const Manifest::File& file : manifest.files) {
        text += "file " + std::to_string(file.size) + " " +
                (file.sha256.empty() ? std::string(kNoHash) : file.sha256) + " " + file.path + "\n";
    }
    return text + "end " + hash_of(text) + "\n";
}

Result<Manifest> decode_manifest(const std::string& text) {
    Manifest manifest;
    std::istringstream lines(text);
    std::string line;
    if (!std::getline(lines, line) || line != kFirstLine) {
        return unexpected(damaged("its first line is \"" + line.substr(0, 40) + "\" and not \"" +
                                  std::string(kFirstLine) +
                                  "\": no backup, or one of a newer parleyd"));
    }
    while (std::getline(lines, line)) {
        const std::size_t space = line.find(' ');
        const std::string word = line.substr(0, space);
        const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
        if (word == "end") {
            const std::size_t end = text.rfind("end ");
            if (rest != hash_of(std::string_view(text).substr(0, end))) {
                return unexpected(damaged("it was changed: its last line does not fit the rest"));
            }
            if (text.substr(end) != line + "\n") {
                return unexpected(damaged("it was changed: it does not end with its last line"));
            }
            return manifest;
        }
        if (word == "made") {
            manifest.made = rest;
        } else if (word == "version") {
            manifest.version = rest;
        } else if (word == "epoch") {
            manifest.epoch = rest;
        } else if (word == "file") {
            PARLEY_TRY(Manifest::File file, decode_file(line));
            manifest.files.push_back(std::move(file));
        } else {
            return unexpected(damaged("the line \"" + line.substr(0, 80) + "\" means nothing"));
        }
    }
    return unexpected(damaged("it is cut off: its last line is missing"));
}

Result<Manifest::File> describe_file(const std::string& folder, const std::string& path) {
    const std::string whole = folder + "/" + path;
    Manifest::File file{path, 0, ""};
    std::error_code failure;
    file.size = std::filesystem::file_size(whole, failure);
    if (failure) {
        return unexpected(
            make_error(ErrorCode::invalid_argument, whole + ": " + failure.message()));
    }
    if (std::filesystem::path(path).extension() == ".sst") {
        return file;
    }
    Sha256 hash;
    std::ifstream content(whole, std::ios::binary);
    std::string block(256 * 1024, '\0');
    while (content.read(block.data(), static_cast<std::streamsize>(block.size())) ||
           content.gcount() > 0) {
        hash.add(std::string_view(block).substr(0, static_cast<std::size_t>(content.gcount())));
    }
    if (!content.eof()) {
        return unexpected(make_error(ErrorCode::invalid_argument, whole + ": cannot be read"));
    }
    file.sha256 = hash.hex();
    return file;
}

}  // namespace parley::parleyd
