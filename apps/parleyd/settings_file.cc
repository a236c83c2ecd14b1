#include "settings_file.h"

#include "files.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

// Some of its assertions are not about itself but about the file: "[$" is one that fails. Without
// them it goes on to an error with its place. (The fuzz target of the settings watches the rest.)
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

namespace parley::parleyd {
namespace {

constexpr std::size_t kLargestFile = 1024 * 1024;
// A key cannot go over a line, so this bounds how deep a.b.c may nest: tables are walked, and freed
// by the library, one inside the other.
constexpr std::size_t kLongestLine = 4096;

// On one line and not longer than a line, whatever it was: no key that we know is changed by this.
std::string printable(std::string_view text, std::size_t most = 80) {
    std::string shown(text.substr(0, most));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; },
        '?');
    return shown + (text.size() > most ? "..." : "");
}

std::string_view kind_of(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::array:
            return "an array";
        case toml::node_type::floating_point:
            return "a fraction";
        case toml::node_type::date:
        case toml::node_type::time:
        case toml::node_type::date_time:
            return "a date or time";
        default:
            return "something else";
    }
}

// What is wrong with a line before the library sees it, or nothing. The library (3.3) runs into
// undefined behaviour for some letters beyond ASCII wherever it expects none, and after a mistake
// that is everywhere, so it gets them in comments alone: "\u00e9" is a letter as well. No text of
// ours goes over several lines, so a line can be judged by itself.
std::string_view problem_of_line(std::string_view line) {
    if (line.size() > kLongestLine) {
        return "this line is longer than 4096 bytes";
    }
    char quote = '\0';
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '#' && quote == '\0') {
            return "";
        }
        if (static_cast<unsigned char>(c) >= 0x80) {
            return "this letter is not ASCII; outside of comments write it as \\u and four hex "
                   "digits, in "
                   "double quotes";
        }
        if (quote == '\0' && (c == '"' || c == '\'')) {
            if (line.substr(i, 3) == std::string(3, c)) {
                return "a text must be on one line, in one pair of quotes";
            }
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        } else if (c == '\\' && quote == '"') {
            ++i;
        }
    }
    return "";
}

// The first such problem, with its place.
std::optional<std::string> problem_of_lines(std::string_view text, const std::string& path) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t size = std::min(text.find('\n'), text.size());
        if (const auto problem = problem_of_line(text.substr(0, size)); !problem.empty()) {
            return fmt::format("{}:{}: {}", path, number, problem);
        }
        text.remove_prefix(std::min(size + 1, text.size()));
    }
    return std::nullopt;
}

struct Line {
    toml::source_position at;
    Given given;
};

// An array of texts as one text with commas between, as a variable has it. None: it holds other
// things.
std::optional<std::string> joined(const toml::array& array) {
    std::string all;
    for (const toml::node& node : array) {
        const auto* text = node.as_string();
        if (text == nullptr || text->get().find(',') != std::string::npos) {
            return std::nullopt;
        }
        all += (all.empty() ? "" : ",") + text->get();
    }
    return all;
}

// Flattens tables into dotted keys. Values become text, so that a setting is read the same way
// wherever it comes from.
void collect(const toml::table& table, const std::string& prefix, const std::string& path,
             std::vector<Line>& lines, SettingsFile& file) {
    for (const auto& [name, node] : table) {
        const std::string key = printable(prefix + std::string(name.str()));
        const auto at = name.source().begin;
        const std::string where = fmt::format("{}:{}", path, at.line);
        if (const auto* inner = node.as_table()) {
            collect(*inner, key + ".", path, lines, file);
        } else if (const auto* text = node.as_string()) {
            lines.push_back({at, {key, text->get(), where}});
        } else if (const auto* whole = node.as_integer()) {
            lines.push_back({at, {key, std::to_string(whole->get()), where}});
        } else if (const auto* flag = node.as_boolean()) {
            lines.push_back({at, {key, flag->get() ? "true" : "false", where}});
        } else if (const auto* array = node.as_array(); array != nullptr && joined(*array)) {
            lines.push_back({at, {key, *joined(*array), where}});
        } else {
            file.problems.push_back(fmt::format(
                "{}: {}: found {}; write a text in quotes, a whole number, true or false", where,
                key, kind_of(node)));
            file.refused.push_back(key);
        }
    }
}

}  // namespace

SettingsFile parse_settings_file(std::string_view text, const std::string& path) {
    SettingsFile file;
    if (auto problem = problem_of_lines(text, path)) {
        file.problems.push_back(*std::move(problem));
        file.is_read = false;
        return file;
    }
    try {
        const toml::table table = toml::parse(text, path);
        std::vector<Line> lines;
        collect(table, "", path, lines, file);
        std::sort(lines.begin(), lines.end(),
                  [](const Line& a, const Line& b) { return a.at < b.at; });
        for (Line& line : lines) {
            file.given.push_back(std::move(line.given));
        }
    } catch (const toml::parse_error& error) {
        file.problems.push_back(fmt::format("{}:{}: this is not TOML: {}", path,
                                            error.source().begin.line,
                                            printable(error.description(), 300)));
        file.is_read = false;
    }
    return file;
}

SettingsFile read_settings_file(const std::string& path) {
    const auto text = read_file(path, kLargestFile);
    if (!text) {
        SettingsFile file;
        file.problems.push_back(text.error().description + " (the configuration file)");
        file.is_read = false;
        return file;
    }
    return parse_settings_file(*text, path);
}

}  // namespace parley::parleyd
