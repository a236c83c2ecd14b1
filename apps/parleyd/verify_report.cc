#include "verify_report.h"

#include <filesystem>
#include <regex>

namespace parley::parleyd {
namespace {

constexpr std::uint64_t kMostLines = 1000;

// "000017.sst offset 4096", or the file alone, of the words of the engine and of its log's reader;
// empty: they name no file. A folder on the way to a file may be called like one.
std::string place_in(const std::string& text) {
    static const std::regex kPlace(
        R"((\d+\.(?:sst|log))(?![^\s/]*/)(?:.*?(?:offset|at byte) (\d+))?)");
    std::smatch found;
    if (!std::regex_search(text, found, kPlace)) {
        return "";
    }
    return found[2].matched ? found[1].str() + " offset " + found[2].str() : found[1].str();
}

}  // namespace

void VerifyReport::find_in_file(const std::string& file, const std::string& what) {
    const std::string place =
        place_in(std::filesystem::path(file).filename().string() + ": " + what);
    if (place.empty() || places_.insert(place).second) {
        ++findings_;
        say(file + ": " + what);
    }
}

void VerifyReport::find(const std::string& where, const std::string& what) {
    const std::string place = place_in(what);
    if (place.empty() || places_.insert(place).second) {
        ++findings_;
        say(where + ": " + what);
    } else {
        const std::string line = where + ": cannot be read because of that (" + place + ")";
        // A mailbox has its devices, events and keys there, and each is met.
        if (line != last_named_) {
            say(line);
            last_named_ = line;
        }
    }
}

void VerifyReport::say(const std::string& line) {
    if (++lines_ <= kMostLines) {
        say_(line);
    } else if (lines_ == kMostLines + 1) {
        say_("more is wrong; only counted from here on");
    }
}

}  // namespace parley::parleyd
