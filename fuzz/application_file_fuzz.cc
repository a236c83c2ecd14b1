// Any file is an application or an error of one line that names the file; what is taken has a key
// that tokens can name and a secret that signs.
#include "apps/parleyd/application_file.h"
#include "base/assert.h"
#include "protocol/token.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace parley::parleyd {
namespace {

// A file that is in no folder.
class MemoryFile {
  public:
    void write(std::string_view content) const {
        PARLEY_ASSERT(::ftruncate(file_, 0) == 0);
        PARLEY_ASSERT(::pwrite(file_, content.data(), content.size(), 0) ==
                      static_cast<ssize_t>(content.size()));
    }
    std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

  private:
    const int file_ = ::memfd_create("application", MFD_CLOEXEC);
};

void read(std::string_view input) {
    static const MemoryFile file;
    file.write(input);
    const auto read = read_application(file.path(), protocol::kDefaultIssuerPrefix);
    if (!read) {
        const std::string& said = read.error().description;
        PARLEY_ASSERT(said.find(file.path()) != said.npos && said.size() < 1000);
        PARLEY_ASSERT(
            std::none_of(said.begin(), said.end(), [](char c) { return c >= 0 && c < ' '; }));
        return;
    }
    PARLEY_ASSERT(!read->key.value().empty() && !read->secrets.empty());
    for (const std::string& secret : read->secrets) {
        PARLEY_ASSERT(protocol::derive_signing_key(secret, "20180102"));
    }
}

}  // namespace
}  // namespace parley::parleyd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::parleyd::read({reinterpret_cast<const char*>(data), size});
    return 0;
}
