// What others wrote and what somebody types, between a terminal and `parley`: nothing that is shown
// steers the terminal, JSON lines keep their meaning, and the line that is typed is the same
// however its keys arrive.
#include "apps/parley/line_editor.h"
#include "apps/parley/text.h"
#include "base/assert.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <vector>

namespace parley::cli {
namespace {

// Line ends are not among them.
bool has_controls(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
        if ((byte < 0x20 && byte != '\n') || byte == 0x7f ||
            (byte == 0xc2 && next >= 0x80 && next < 0xa0)) {
            return true;
        }
    }
    return false;
}

void show(const std::string& text) {
    const std::string shown = printable(text);
    PARLEY_ASSERT(!has_controls(shown));
    // Whatever a text holds, no line of it looks like one that the program wrote.
    for (auto end = shown.find('\n'); end != std::string::npos; end = shown.find('\n', end + 1)) {
        PARLEY_ASSERT(shown.substr(end + 1, 4) == "    ");
    }
    constexpr std::size_t kCharacters = 20;
    const std::string begin = excerpt(text, kCharacters);
    PARLEY_ASSERT(begin.find('\n') == std::string::npos && !has_controls(begin));
    const std::string json =
        nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const std::string escaped = escape_controls(json);
    PARLEY_ASSERT(!has_controls(escaped) && escaped.find('\n') == std::string::npos);
    PARLEY_ASSERT(nlohmann::json::parse(escaped) == nlohmann::json::parse(json));
    if (const auto duration = parse_duration(text)) {
        PARLEY_ASSERT(duration->count() >= 0);
        PARLEY_ASSERT(!format_span(*duration).empty());
    }
}

struct Typed {
    std::vector<std::string> lines;
    std::string rest;
    bool ended = false;

    friend bool operator==(const Typed&, const Typed&) = default;
};

Typed type(std::string_view keys, std::size_t piece) {
    constexpr std::size_t kLongest = 100;
    constexpr std::size_t kColumns = 9;
    LineEditor editor(kLongest);
    Typed typed;
    while (!keys.empty() && !editor.ended()) {
        std::string_view some = keys.substr(0, piece);
        const std::size_t given = some.size();
        if (auto line = editor.feed(some)) {
            typed.lines.push_back(std::move(*line));
        } else {
            PARLEY_ASSERT(some.empty() || editor.ended());
        }
        PARLEY_ASSERT(some.size() < given);
        keys.remove_prefix(given - some.size());
        PARLEY_ASSERT(editor.text().size() <= kLongest);
        PARLEY_ASSERT(columns_of(editor.visible(kColumns)) <= kColumns);
        PARLEY_ASSERT(editor.text().ends_with(editor.visible(kColumns)));
    }
    typed.rest = editor.text();
    typed.ended = editor.ended();
    for (const std::string& line : typed.lines) {
        PARLEY_ASSERT(line.size() <= kLongest);
        PARLEY_ASSERT(line.find_first_of("\x1b\r\n") == std::string::npos);
    }
    return typed;
}

}  // namespace
}  // namespace parley::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    parley::cli::show(text);
    PARLEY_ASSERT(parley::cli::type(text, 1) == parley::cli::type(text, text.size()));
    return 0;
}
