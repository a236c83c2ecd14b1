// A corrupt store gives errors, never a crash: every record and key that LogStore reads, and what
// is taken is written again as something that is read the same.
#include "base/assert.h"
#include "mailbox/records.h"

#include <cstdint>

namespace parley::mailbox {
namespace {

template <typename Record>
void check(const Result<Record>& read, Result<Record> (*decode)(std::string_view)) {
    if (!read) {
        PARLEY_ASSERT(!read.error().description.empty());
        return;
    }
    const Bytes written = encode(*read);
    const auto again = decode(written);
    PARLEY_ASSERT(again && encode(*again) == written);
}

// The first byte says what the rest is.
void read(std::string_view input) {
    if (input.empty()) {
        return;
    }
    const std::string_view value = input.substr(1);
    switch (static_cast<unsigned char>(input.front()) % 9) {
        case 0:
            return check(decode_user(value), decode_user);
        case 1:
            return check(decode_device(value), decode_device);
        case 2: {
            const auto event = decode_event(value);
            if (event) {
                PARLEY_ASSERT(event->bytes.size() <= value.size());
                PARLEY_ASSERT(!event->body || event->body->size() == event->body_size);
            }
            return check(event, decode_event);
        }
        case 3:
            return check(decode_key(value), decode_key);
        case 4:
            return check(decode_clock(value), decode_clock);
        case 5: {
            const ApplicationKey application("application");
            if (const auto user = user_of(value, application)) {
                PARLEY_ASSERT(user_key({application, *user}).size() == value.size());
            }
            return;
        }
        case 6:
            if (const auto device = device_of(value)) {
                PARLEY_ASSERT(device_key(MailboxKey(), *device).size() == value.size());
            }
            return;
        case 7:
            if (const auto sequence = sequence_of(value)) {
                PARLEY_ASSERT(*sequence < kSequenceEnd);
                PARLEY_ASSERT(event_key(MailboxKey(), *sequence).substr(16) == value.substr(16));
            }
            return;
        default:
            if (const auto id = id_of_user(value)) {
                PARLEY_ASSERT(user_key(*id) == value);
            }
    }
}

}  // namespace
}  // namespace parley::mailbox

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::mailbox::read({reinterpret_cast<const char*>(data), size});
    return 0;
}
