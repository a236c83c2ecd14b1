#include "mailbox/testing/store_conformance.h"
#include "mailbox/testing/memory_world.h"

namespace parley::mailbox {
namespace {

std::unique_ptr<StoreWorld> lazy(const StoreSettings& settings) {
    return std::make_unique<MemoryWorld>(settings);
}
// An engine that drops what has expired at once, which an engine may.
std::unique_ptr<StoreWorld> eager(const StoreSettings& settings) {
    return std::make_unique<MemoryWorld>(settings, MemoryTable::Options{.expire_at_once = true});
}

INSTANTIATE_TEST_SUITE_P(LogStoreInMemory, StoreConformance, testing::Values(lazy, eager));

}  // namespace
}  // namespace parley::mailbox
