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
            }
        } else if (key == '\x1b') {
            escape_ = Escape::begun;
        } else if (key == '\r' || key == '\n') {
            std::string line;
            line.swap(text_);
            return line;
        } else if (byte == 0x7F || byte == 0x08) {
            erase_character();
        } else if (byte == 0x15) {
            text_.clear();
        } else if (byte == 0x17) {
            erase_word();
        } else if (byte == 0x04) {
            ended_ = text_.empty();
        } else if ((byte >= 0x20 || key == '\t') && text_.size() < longest_) {
            text_ += key;
        }
    }
    return std::nullopt;
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
