// The engine's log, read without the engine: any bytes, and logs written as the engine writes them
// that are then harmed in one place. What is found is where the harm is, and a record behind it
// that was not touched is never overlooked: only what nobody had an answer to may be left out (R1).
#include "adapters/rocksdb/log_file.h"
#include "base/assert.h"
#include "base/bytes.h"

#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstdint>

namespace parley::rocksdb {
namespace {

constexpr std::size_t kBlock = 32 * 1024;
constexpr std::size_t kHeader = 7;
constexpr std::size_t kMost = 96 * 1024;

// A file in memory, by a name that can be opened.
class MemoryFile {
  public:
    MemoryFile() : file_(::memfd_create("log", MFD_CLOEXEC)) { PARLEY_ASSERT(file_ >= 0); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { ::close(file_); }

    std::optional<LogDamage> scan(std::string_view content) {
        PARLEY_ASSERT(::ftruncate(file_, 0) == 0);
        PARLEY_ASSERT(::pwrite(file_, content.data(), content.size(), 0) ==
                      static_cast<ssize_t>(content.size()));
        const auto found = find_log_damage("/proc/self/fd/" + std::to_string(file_));
        PARLEY_ASSERT(found.has_value());
        return *found;
    }

  private:
    const int file_;
};

// Of the file that holds `content`. What lies before the damage is a log without any.
std::optional<LogDamage> scan(std::string_view content) {
    static MemoryFile file;
    const auto damage = file.scan(content);
    if (damage) {
        PARLEY_ASSERT(damage->at < content.size());
        PARLEY_ASSERT(!damage->intact_after || (*damage->intact_after > damage->at &&
                                                *damage->intact_after + kHeader <= content.size()));
        PARLEY_ASSERT(!file.scan(content.substr(0, damage->at)));
    }
    return damage;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
    static const auto kTable = [] {
        std::array<std::uint32_t, 256> table{};
        for (std::uint32_t i = 0; i < table.size(); ++i) {
            table[i] = i;
            for (int bit = 0; bit < 8; ++bit) {
                table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? 0x82f63b78u : 0u);
            }
        }
        return table;
    }();
    std::uint32_t crc = ~0u;
    for (const char byte : bytes) {
        crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ crc >> 8;
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

Bytes little_endian(std::uint64_t value, int bytes) {
    Bytes out;
    for (int i = 0; i < bytes; ++i) {
        out.push_back(static_cast<char>(value >> 8 * i & 0xff));
    }
    return out;
}

// Writes batches as the engine does.
class LogWriter {
  public:
    struct Extent {
        std::size_t begin;
        std::size_t end;
    };

    void add(std::size_t entries, std::size_t more, char fill) {
        const Bytes batch = little_endian(sequence_, 8) + little_endian(entries, 4) +
                            Bytes(3 * entries + more, fill);
        sequence_ += entries;
        if (kBlock - bytes.size() % kBlock < kHeader) {
            bytes.append(kBlock - bytes.size() % kBlock, '\0');
        }
        const std::size_t begin = bytes.size();
        std::string_view rest = batch;
        bool is_first = true;
        do {
            const std::size_t room = kBlock - bytes.size() % kBlock - kHeader;
            const std::string_view piece = rest.substr(0, room);
            rest.remove_prefix(piece.size());
            const char type = is_first ? (rest.empty() ? 1 : 2) : (rest.empty() ? 4 : 3);
            is_first = false;
            const Bytes covered = type + Bytes(piece);
            bytes += little_endian(masked_crc32c(covered), 4) + little_endian(piece.size(), 2);
            bytes += covered;
        } while (!rest.empty());
        records.push_back({begin, bytes.size()});
    }

    Bytes bytes;
    std::vector<Extent> records;

  private:
    std::uint64_t sequence_ = 7;
};

enum class Harm { none, cut, flip, zeros };

// `log` was written whole, `harmed` is what the disk gives of it.
void check(const LogWriter& log, Harm harm, std::string_view harmed) {
    const auto untouched = [&](const LogWriter::Extent& record) {
        return record.end <= harmed.size() &&
               harmed.substr(record.begin, record.end - record.begin) ==
                   std::string_view(log.bytes).substr(record.begin, record.end - record.begin);
    };
    const auto damage = scan(harmed);
    const auto first = std::find_if_not(log.records.begin(), log.records.end(), untouched);
    if (first == log.records.end() || first->begin >= harmed.size()) {
        // Padding that is not zeros any more is damage, too.
        PARLEY_ASSERT(!damage || (harm == Harm::flip && damage->torn));
        return;
    }
    const std::string_view rest = harmed.substr(first->begin);
    if (rest.find_first_not_of('\0') == std::string_view::npos) {
        PARLEY_ASSERT(!damage);  // as where nothing was written yet
        return;
    }
    PARLEY_ASSERT(damage && damage->at == first->begin);
    PARLEY_ASSERT(harm != Harm::cut || damage->torn);
    const auto next = std::find_if(first, log.records.end(), untouched);
    PARLEY_ASSERT(damage->intact_after.has_value() == (next != log.records.end()));
    PARLEY_ASSERT(!damage->intact_after || *damage->intact_after == next->begin);
}

// Six bytes say what harm is done and where; three make each record.
void play(std::string_view input) {
    const auto byte = [&](std::size_t at) {
        return static_cast<std::size_t>(static_cast<unsigned char>(input[at]));
    };
    LogWriter log;
    for (std::size_t at = 6; at + 3 <= input.size() && log.bytes.size() < kMost; at += 3) {
        log.add(1 + byte(at + 2) / 16, byte(at) + 256 * byte(at + 1), input[at + 2]);
    }
    const Harm harm = static_cast<Harm>(byte(0) % 4);
    const std::size_t place = (byte(1) + 256 * byte(2) + 65536 * byte(3)) % (log.bytes.size() + 1);
    const std::size_t length = std::min(byte(4) + 256 * byte(5), log.bytes.size() - place);
    Bytes harmed = log.bytes;
    if (harm == Harm::cut) {
        harmed.resize(place);
    } else if (harm == Harm::flip && place < harmed.size()) {
        harmed[place] = static_cast<char>(harmed[place] ^ (1 << byte(4) % 8));
    } else if (harm == Harm::zeros) {
        harmed.replace(place, length, length, '\0');
    }
    check(log, harm, harmed);
}

// The first byte says whether the rest is a file or how to make one.
void read(std::string_view input) {
    if (input.empty()) {
        return;
    }
    const bool is_file = input[0] % 2 == 0;
    input.remove_prefix(1);
    if (is_file) {
        (void)scan(input);
    } else if (input.size() >= 6) {
        play(input);
    }
}

}  // namespace
}  // namespace parley::rocksdb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::rocksdb::read({reinterpret_cast<const char*>(data), size});
    return 0;
}
