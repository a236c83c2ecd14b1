#include "line_editor.h"

namespace parley::cli {
namespace {

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// From U+0800 on (three bytes and more) characters may be wide.
std::size_t columns_of_lead(char c) {
    return static_cast<unsigned char>(c) >= 0xE0 ? 2 : 1;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
    std::size_t columns = 0;
    for (const char c : text) {
        columns += is_continuation(c) ? 0 : columns_of_lead(c);
    }
    return columns;
}

std::optional<std::string> LineEditor::feed(std::string_view& keys) {
    while (!keys.empty() && !ended_) {
        const char key = keys.front();
        const auto byte = static_cast<unsigned char>(key);
        keys.remove_prefix(1);
        if (escape_ == Escape::begun) {
            escape_ = key == '[' || key == 'O' ? Escape::sequence : Escape::none;
        } else if (escape_ == Escape::sequence) {
            if (byte >= 0x40 && byte <= 0x7E) {
                escape_ = Escape::none;
                end_of_sequence(key);
            }
        } else if (key == '\x1b') {
            escape_ = Escape::begun;
        } else if (key == '\r' || key == '\n') {
            std::string line;
            line.swap(text_);
            remember(line);
            return line;
        } else if ((byte >= 0x20 && byte != 0x7F) || key == '\t') {
            if (text_.size() < longest_) {
                text_ += key;
            }
        } else {
            control(byte);
        }
    }
    return std::nullopt;
}

void LineEditor::control(unsigned char key) {
    switch (key) {
        case 0x7F:
        case 0x08:
            return erase_character();
        case 0x15:  // Ctrl-U
            return text_.clear();
        case 0x17:  // Ctrl-W
            return erase_word();
        case 0x04:  // Ctrl-D
            ended_ = text_.empty();
            return;
        default:
            return;
    }
}

void LineEditor::end_of_sequence(char key) {
    if (key == 'A' && back_ < history_.size()) {
        if (back_ == 0) {
            typed_ = text_;
        }
        text_ = history_[back_++];
    } else if (key == 'B' && back_ > 0) {
        --back_;
        text_ = back_ == 0 ? typed_ : history_[back_ - 1];
    }
}

void LineEditor::remember(const std::string& line) {
    constexpr std::size_t kKept = 100;
    back_ = 0;
    if (line.empty() || (!history_.empty() && history_.front() == line)) {
        return;
    }
    history_.push_front(line);
    if (history_.size() > kKept) {
        history_.pop_back();
    }
}

void LineEditor::erase_character() {
    while (!text_.empty()) {
        const bool inside = is_continuation(text_.back());
        text_.pop_back();
        if (!inside) {
            break;
        }
    }
}

void LineEditor::erase_word() {
    while (!text_.empty() && text_.back() == ' ') {
        text_.pop_back();
    }
    while (!text_.empty() && text_.back() != ' ') {
        text_.pop_back();
    }
}

std::string LineEditor::visible(std::size_t columns) const {
    std::size_t begin = text_.size();
    std::size_t used = 0;
    while (begin > 0) {
        std::size_t lead = begin - 1;
        while (lead > 0 && is_continuation(text_[lead])) {
            --lead;
        }
        used += columns_of_lead(text_[lead]);
        if (used > columns) {
            break;
        }
        begin = lead;
    }
    return text_.substr(begin);
}

}  // namespace parley::cli
