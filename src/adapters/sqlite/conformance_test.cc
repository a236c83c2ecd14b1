#include "adapters/sqlite/sqlite_store.h"
#include "adapters/sqlite/testing/memory_vfs.h"
#include "adapters/sqlite/testing/temp_folder.h"
#include "client/testing/local_store_conformance.h"

#include <utility>

namespace parley::client {
namespace {

std::unique_ptr<LocalStore> open_store(const sqlite::SqliteStoreOptions& options) {
    auto store = sqlite::open_sqlite_store(options, Logger(null_log()));
    EXPECT_TRUE(store) << (store ? "" : store.error().description);
    return store ? std::move(*store) : nullptr;
}

class InFolder final : public StoreWorld {
  public:
    std::unique_ptr<LocalStore> open() override {
        return open_store({folder_.path() + "/a/b", ""});
    }

  private:
    sqlite::TempFolder folder_;
};

class InMemory final : public StoreWorld {
  public:
    std::unique_ptr<LocalStore> open() override { return open_store({"disk", vfs_.name()}); }

  private:
    sqlite::MemoryVfs vfs_{"conformance"};
};

INSTANTIATE_TEST_SUITE_P(
    Sqlite, LocalStoreConformance,
    testing::Values(StoreWorldParam{"Folder", [] { return std::make_unique<InFolder>(); }},
                    StoreWorldParam{"Memory", [] { return std::make_unique<InMemory>(); }}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace parley::client
