#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace parley::cli {

// The line that somebody is typing in a terminal without line mode: keys in, lines out. No I/O.
class LineEditor {
  public:
    explicit LineEditor(std::size_t longest) : longest_(longest) {}

    // The keys as the terminal gave them, in pieces of any size: text, backspace, Ctrl-U, Ctrl-W,
    // Enter, Ctrl-D, the arrows up and down through earlier lines. Other control keys and escape
    // sequences are swallowed. Returns a line when Enter ends one, with how many of the keys were
    // used; the rest is to be fed again.
    std::optional<std::string> feed(std::string_view& keys);
    // Ctrl-D in an empty line.
    bool ended() const { return ended_; }
    const std::string& text() const { return text_; }
    // The end of the text, as much as fits in `columns`.
    std::string visible(std::size_t columns) const;

  private:
    enum class Escape { none, begun, sequence };

    void control(unsigned char key);
    void end_of_sequence(char key);
    void remember(const std::string& line);
    void erase_character();
    void erase_word();

    const std::size_t longest_;
    std::string text_;
    std::deque<std::string> history_;  // earlier lines, the newest first
    std::size_t back_ = 0;             // how far back the shown line is; 0: it is the one typed
    std::string typed_;                // what was typed before going back
    Escape escape_ = Escape::none;
    bool ended_ = false;
};

// How many columns a text takes, wide characters counted as two; rather too many than too few.
std::size_t columns_of(std::string_view text);

}  // namespace parley::cli
