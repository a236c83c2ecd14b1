// Lists in a column of the client's store: any bytes are the items up to the first that does not
// fit, and what was read is written so that it reads the same.
#include "adapters/sqlite/packing.h"
#include "base/assert.h"

#include <cstdint>

namespace parley::sqlite {
namespace {

void read(std::string_view column) {
    const std::vector<UserId> users = unpack_users(column);
    const std::string packed = pack(users);
    PARLEY_ASSERT(column.starts_with(packed) && unpack_users(packed) == users);
    const auto headers = unpack_headers(column);
    PARLEY_ASSERT(2 * headers.size() <= users.size());
    PARLEY_ASSERT(unpack_headers(pack(headers)) == headers);
    const auto failures = unpack_failures(column);
    PARLEY_ASSERT(failures.size() == users.size() / 4);
    PARLEY_ASSERT(unpack_failures(pack(failures)) == failures);
}

}  // namespace
}  // namespace parley::sqlite

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::sqlite::read({reinterpret_cast<const char*>(data), size});
    return 0;
}
