#include "adapters/rocksdb/log_file.h"

#include "base/try.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::rocksdb {
namespace {

// RocksDB's log format: blocks of 32 KiB; a record in one of them, or in fragments that end with
// their block. Each begins with a masked CRC-32C of type and payload, the payload's length (both
// little-endian) and the type. What does not fit a header at the end of a block is zeros.
constexpr std::size_t kBlock = 32 * 1024;
constexpr std::size_t kHeader = 7;
constexpr std::size_t kSector = 512;
// The last bytes of a record may be zeros by themselves: less than so many do not prove that they
// were never written.
constexpr std::size_t kProvesNothing = 8;
// A record is a batch: its first sequence number (8 bytes), the number of its entries (4 bytes),
// both little-endian, and the entries, none of which is shorter than kLeastEntry.
constexpr std::size_t kBatchHeader = 12;
constexpr std::size_t kLeastEntry = 3;
enum : unsigned char { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

std::uint32_t crc32c(std::string_view bytes) {
    static const auto kTable = [] {
        std::array<std::uint32_t, 256> table{};
        for (std::uint32_t i = 0; i < table.size(); ++i) {
            std::uint32_t value = i;
            for (int bit = 0; bit < 8; ++bit) {
                value = (value & 1) != 0 ? value >> 1 ^ 0x82f63b78u : value >> 1;
            }
            table[i] = value;
        }
        return table;
    }();
    std::uint32_t crc = ~0u;
    for (const char byte : bytes) {
        crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ crc >> 8;
    }
    return ~crc;
}

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i > 0; --i) {
        value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
    }
    return value;
}
// Of a whole header of a batch.
std::uint64_t sequence_of(std::string_view batch) {
    return little_endian(batch.substr(0, 8));
}
std::uint64_t entries_of(std::string_view batch) {
    return little_endian(batch.substr(8, 4));
}

bool all_zero(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

// A place in a block that is read as the header of a fragment.
struct Fragment {
    Fragment(std::string_view block, std::size_t at) : bytes(block.substr(at)) {
        if (bytes.size() >= kHeader) {
            type = static_cast<unsigned char>(bytes[6]);
            length = kHeader + byte(4) + (byte(5) << 8);
        }
    }
    std::size_t byte(std::size_t i) const { return static_cast<unsigned char>(bytes[i]); }
    bool begins_record() const { return type == kFull || type == kFirst; }
    bool has_type() const { return type >= kFull && type <= kLast; }
    bool ends_record() const { return type == kFull || type == kLast; }
    // Once length fits.
    std::string_view payload() const { return bytes.substr(kHeader, length - kHeader); }
    bool fits() const { return bytes.size() >= kHeader && length <= bytes.size(); }
    bool intact() const {
        if (!fits() || !has_type()) {
            return false;
        }
        const auto stored =
            static_cast<std::uint32_t>(byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24);
        const std::uint32_t crc = crc32c(bytes.substr(6, length - 6));
        return stored == (crc >> 15 | crc << 17) + 0xa282ead8u;
    }

    std::string_view bytes;
    std::size_t length = 0;  // with its header
    unsigned char type = kZero;
};

// Follows the fragments of a log, block by block, to the first that does not fit.
class LogScan {
  public:
    void block(std::string_view bytes, std::uint64_t offset, bool is_last) {
        std::size_t at = 0;
        ends_in_zeros_ = ends_in_zeros_ && all_zero(bytes);
        while (!damage_ && bytes.size() - at >= kHeader) {
            const Fragment fragment(bytes, at);
            const bool follows = in_record_ ? !fragment.begins_record() : fragment.begins_record();
            if (!fragment.intact() || !follows) {
                if (fragment.type == kZero && !in_record_ && all_zero(bytes.substr(at))) {
                    break;  // the end, if nothing follows
                }
                judge(bytes, at, offset, is_last, fragment);
                break;
            }
            if (fragment.begins_record()) {
                if (zeros_from_) {
                    damage_ = LogDamage{*zeros_from_, true, false, offset + at};
                    return;
                }
                record_at_ = offset + at;
                head_.clear();
            }
            head_ += fragment.payload().substr(0, kBatchHeader - head_.size());
            in_record_ = !fragment.ends_record();
            at += fragment.length;
            if (!in_record_ && head_.size() == kBatchHeader) {
                has_entries_ = has_entries_ || entries_of(head_) > 0;
                next_ = sequence_of(head_) + entries_of(head_);
                whole_until_ = offset + at;
            }
        }
        if (damage_) {
            look_behind(bytes, std::max<std::uint64_t>(first_behind_, offset) - offset, offset);
            return;
        }
        if (!all_zero(bytes.substr(at))) {
            // Less than a header is left of the file.
            damage_ = LogDamage{begin_of_damage(offset + at), zeros_from_.has_value(), true, {}};
            first_behind_ = offset + bytes.size();
        } else if (bytes.size() - at >= kHeader) {
            zeros_from_ = zeros_from_.value_or(offset + at);
        }
    }

    // Zeros at the end are room that was never written; before anything else they are a hole.
    std::optional<LogDamage> result() {
        if (!damage_ && in_record_) {
            damage_ = LogDamage{record_at_, false, true, {}};
        } else if (damage_) {
            damage_->torn = damage_->torn || ends_in_zeros_;
        }
        return damage_;
    }
    bool has_entries() const { return has_entries_; }
    bool found_enough() const { return damage_ && damage_->intact_after; }

  private:
    // Of what cannot be read at `at`: a record begun before, or zeros that looked like the end.
    std::uint64_t begin_of_damage(std::uint64_t at) const {
        return in_record_ ? record_at_ : zeros_from_.value_or(at);
    }

    void judge(std::string_view bytes, std::size_t at, std::uint64_t offset, bool is_last,
               const Fragment& fragment) {
        LogDamage damage;
        damage.at = begin_of_damage(offset + at);
        damage.torn = is_last && fragment.has_type() && fragment.length > bytes.size() - at;
        const std::size_t zeros = bytes.find_last_not_of('\0') + 1;  // none: from the beginning
        // Where the header can be trusted the fragment ends with its length. Else zeros behind it
        // prove nothing.
        const std::size_t end = fragment.has_type() ? std::min(bytes.size(), at + fragment.length)
                                : zeros > at        ? zeros
                                                    : bytes.size();
        damage.is_hole = zeros_from_.has_value() || has_hole(bytes.substr(0, end), at);
        ends_in_zeros_ = is_cut_off(fragment, at, zeros, end);
        damage_ = damage;
        first_behind_ = offset + at + 1;
    }

    // Whether what is left of the fragment is the beginning of it, if nothing but zeros follows the
    // block, which ends in zeros from `zeros` on: it ends in its header, which the engine may write
    // by itself, or with a sector, or it is not the last of its record.
    static bool is_cut_off(const Fragment& fragment, std::size_t at, std::size_t zeros,
                           std::size_t end) {
        if (zeros <= at + kHeader) {
            return true;
        }
        const std::size_t sector = (zeros + kSector - 1) / kSector * kSector;
        return fragment.has_type() && (sector < end || !fragment.ends_record());
    }

    // Whether a sector from `at` on is zeros as far as it belongs to the fragment.
    static bool has_hole(std::string_view bytes, std::size_t at) {
        for (std::size_t begin = at; begin < bytes.size();) {
            const std::size_t end = std::min(bytes.size(), (begin / kSector + 1) * kSector);
            if (all_zero(bytes.substr(begin, end - begin)) &&
                (begin == at || end - begin >= kProvesNothing)) {
                return true;
            }
            begin = end;
        }
        return false;
    }

    // Any place may begin a record once a length cannot be trusted, and what somebody wrote may
    // look like one: only one that goes on with the sequence numbers counts.
    void look_behind(std::string_view bytes, std::size_t from, std::uint64_t offset) {
        if (split_) {
            const Fragment rest(bytes, 0);
            const std::string head =
                rest.fits() ? split_->head + std::string(rest.payload()) : std::string();
            if (!rest.begins_record() && goes_on(head, split_->at) && rest.intact()) {
                damage_->intact_after = split_->at;
            }
            split_.reset();
        }
        for (std::size_t at = from; at + kHeader <= bytes.size() && !found_enough(); ++at) {
            const Fragment fragment(bytes, at);
            // What goes on in the next block ends with its own.
            if (!fragment.begins_record() || !fragment.fits() ||
                (fragment.type == kFirst && fragment.length != bytes.size() - at)) {
                continue;
            }
            if (fragment.type == kFirst && fragment.payload().size() < kBatchHeader) {
                if (fragment.intact()) {
                    split_ = Split{offset + at, std::string(fragment.payload())};
                }
            } else if (goes_on(fragment.payload(), offset + at) && fragment.intact()) {
                damage_->intact_after = offset + at;
            }
        }
    }

    // Whether a batch that begins so, at `at`, can follow the last whole record with nothing but
    // the damage in between.
    bool goes_on(std::string_view batch, std::uint64_t at) const {
        if (batch.size() < kBatchHeader || entries_of(batch) == 0) {
            return false;
        }
        const std::uint64_t sequence = sequence_of(batch);
        return !next_ ||
               (sequence > *next_ && sequence - *next_ <= (at - whole_until_) / kLeastEntry);
    }

    bool in_record_ = false;
    std::uint64_t record_at_ = 0;
    std::string head_;                   // the first bytes of the record
    std::optional<std::uint64_t> next_;  // the sequence number after the last whole record
    std::uint64_t whole_until_ = 0;
    bool has_entries_ = false;
    // The beginning of a record that is split within its batch's header.
    struct Split {
        std::uint64_t at;
        std::string head;
    };
    std::optional<Split> split_;
    std::optional<std::uint64_t> zeros_from_;
    std::optional<LogDamage> damage_;
    bool ends_in_zeros_ = false;  // from within the damaged fragment on
    std::uint64_t first_behind_ = 0;
};

}  // namespace

Result<std::vector<std::string>> log_files(const std::string& engine_folder) {
    std::vector<std::string> names;
    std::error_code failure;
    std::filesystem::directory_iterator at(engine_folder, failure);
    for (const std::filesystem::directory_iterator end; !failure && at != end;
         at.increment(failure)) {
        if (at->path().extension() == ".log") {
            names.push_back(at->path().filename().string());
        }
    }
    if (failure) {
        return unexpected(
            make_error(ErrorCode::store_failed, engine_folder + ": " + failure.message()));
    }
    // Numbers of six digits or more.
    std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    });
    for (std::string& name : names) {
        name = engine_folder + "/" + name;
    }
    return names;
}

namespace {

Result<LogScan> scanned(const std::string& file) {
    std::ifstream log(file, std::ios::binary);
    std::error_code failure;
    const std::uintmax_t size = std::filesystem::file_size(file, failure);
    LogScan scan;
    std::string block(kBlock, '\0');
    for (std::uint64_t offset = 0; offset < size && !scan.found_enough(); offset += kBlock) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, size - offset));
        if (!log.read(block.data(), static_cast<std::streamsize>(count))) {
            return unexpected(make_error(ErrorCode::store_failed, file + ": cannot be read"));
        }
        scan.block(std::string_view(block).substr(0, count), offset, offset + count == size);
    }
    if (failure || !log) {
        return unexpected(make_error(ErrorCode::store_failed, file + ": cannot be read"));
    }
    return scan;
}

// A start that was interrupted has begun a log, with an empty batch, before it was done with the
// older ones.
Result<bool> was_written_to(const std::string& file) {
    PARLEY_TRY(LogScan scan, scanned(file));
    return scan.has_entries() || scan.result();
}

}  // namespace

Result<std::optional<LogDamage>> find_log_damage(const std::string& file) {
    PARLEY_TRY(LogScan scan, scanned(file));
    return scan.result();
}

Result<std::optional<std::string>> judge_damaged_log(const std::string& engine_folder) {
    PARLEY_TRY(const std::vector<std::string> files, log_files(engine_folder));
    for (const std::string& file : files) {
        PARLEY_TRY(const auto damage, find_log_damage(file));
        if (!damage) {
            continue;
        }
        const std::string place = file + ": the record at byte " + std::to_string(damage->at);
        for (const std::string* newer = &file + 1; newer != files.data() + files.size(); ++newer) {
            PARLEY_TRY(const bool written, was_written_to(*newer));
            if (written) {
                return unexpected(
                    make_error(ErrorCode::store_failed,
                               place + " is damaged, and a newer log follows: it was flushed"));
            }
        }
        if (damage->intact_after) {
            return unexpected(make_error(ErrorCode::store_failed,
                                         place + " is damaged, and an intact one follows at byte " +
                                             std::to_string(*damage->intact_after) +
                                             ": it was flushed"));
        }
        if (!damage->is_hole && !damage->torn) {
            return unexpected(make_error(ErrorCode::store_failed,
                                         place + " is damaged, and not by a power cut (no part of "
                                                 "it is missing): it may have been flushed"));
        }
        if (damage->torn) {
            return std::optional(place +
                                 ", the last write, is incomplete, and is left out: the process "
                                 "or the machine ended before it was flushed, and nobody had an "
                                 "answer to it (a disk that lost the end of it looks the same: the "
                                 "manual's backup.md)");
        }
        return std::optional(place +
                             ", the last write, is damaged, and is left out. After "
                             "a power cut it was never flushed and nobody had an answer to it; if "
                             "the machine did not lose power the disk is damaged: compare with a "
                             "backup (the manual's backup.md says how)");
    }
    return std::optional<std::string>();
}

}  // namespace parley::rocksdb
