#pragma once

#include "mailbox/store.h"
#include "mailbox/table.h"

#include <cstdint>
#include <functional>
#include <string>

// Reads all that a LogStore has written into a Table and says what is wrong with it. Alone with the
// table, or over a copy: it does not expect that anybody writes meanwhile.
namespace parley::mailbox {

struct VerifyCounts {
    std::uint64_t users = 0;
    std::uint64_t devices = 0;
    std::uint64_t events = 0;
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;  // of events and bodies, as the quotas count them
    std::uint64_t findings = 0;
};

struct VerifyHooks {
    // What is wrong, and where: "user bob, mailbox 0a1b..., event 17: ...".
    std::function<void(const std::string& where, const std::string& what)> finding;
    // After each page.
    std::function<void(const VerifyCounts&)> progress;
    // Whether the bytes of an event mean something; the store does not look into them.
    std::function<Result<void>(const StoredEvent&)> check_event;
};

// Memory is bounded by a page of a mailbox.
VerifyCounts verify(Table& table, const VerifyHooks& hooks);

}  // namespace parley::mailbox
