#include "table.h"

#include "adapters/rocksdb/rocks_table.h"
#include "base/assert.h"

namespace parley::parleyd {

Result<std::unique_ptr<mailbox::Table>> open_table(const Settings& settings,
                                                   const std::string& folder, io::Loop& loop,
                                                   const Logger& log) {
    switch (settings.engine) {
        case Engine::rocksdb: {
            rocksdb::RocksTableOptions options;
            options.free_space_reserve = settings.free_space_reserve;
            auto opened = rocksdb::RocksTable::open(folder, loop, options, log);
            if (!opened) {
                return unexpected(
                    make_error(ErrorCode::store_failed, std::move(opened).error().description));
            }
            return std::unique_ptr<mailbox::Table>(std::move(opened).value());
        }
    }
    PARLEY_ASSERT(false && "an engine without its case");
}

}  // namespace parley::parleyd
