#include "printer.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace parley::cli {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

// Clears a screen, in both spellings of the control sequence.
constexpr const char* kHostile =
    "b\x1b[2J\xC2\x9B"
    "2J\x7F";

// Nothing of it steers a terminal.
bool harmless(const std::string& output) {
    return output.find_first_of("\x1b\x7F") == std::string::npos &&
           output.find("\xC2\x9B") == std::string::npos;
}

void say_all(Printer& printer) {
    MessageDeliveryInfo info;
    info.message_id = kHostile;
    info.recipient_id = kHostile;
    printer.delivered(info);
    OutboxEntry entry;
    entry.message_id = kHostile;
    entry.recipient_ids = {kHostile, kHostile};
    entry.open_recipient_ids = entry.recipient_ids;
    entry.text = kHostile;
    entry.headers = {{"key", kHostile}};
    printer.waiting(entry);
    printer.cancelled(kHostile);
}

TEST(Printers, GiveATerminalNoControlCharacters) {
    for (const auto& printer : {make_text_printer(), make_json_printer()}) {
        CaptureStdout();
        say_all(*printer);
        const std::string output = GetCapturedStdout();
        EXPECT_TRUE(harmless(output)) << testing::PrintToString(output);
        EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 3);
        CaptureStderr();
        printer->remark(kHostile);
        EXPECT_TRUE(harmless(GetCapturedStderr()));
    }
}

}  // namespace
}  // namespace parley::cli
