#include "protocol/token_object.h"

#include <nlohmann/json.hpp>

namespace parley::protocol {
namespace {

using Json = nlohmann::ordered_json;

// Below 10^15, which is more than any time.
constexpr std::size_t kDigits = 15;

bool take(std::string_view& rest, char expected) {
    if (!rest.starts_with(expected)) {
        return false;
    }
    rest.remove_prefix(1);
    return true;
}

}  // namespace

struct TokenObject::Tree {
    Json object;
};

void TokenObject::Free::operator()(Tree* tree) const {
    delete tree;
}

Result<TokenObject> TokenObject::read(std::string_view text, std::string_view name) {
    TokenObject object;
    if (object.read_usual(text)) {
        return object;
    }
    object.tree_.reset(new Tree{Json::parse(text, nullptr, false)});
    if (!object.tree_->object.is_object()) {
        return unexpected(make_error(ErrorCode::invalid_argument,
                                     "the token's " + std::string(name) + " is not a JSON object"));
    }
    return object;
}

bool TokenObject::read_usual(std::string_view text) {
    std::string_view rest = text;
    if (!take(rest, '{')) {
        return false;
    }
    do {
        if (count_ == fields_.size()) {
            return false;
        }
        Field& field = fields_[count_];
        if (!take_text(rest, field.name) || !take(rest, ':')) {
            return false;
        }
        std::string_view value;
        Whole whole;
        if (take_text(rest, value)) {
            field.value = value;
        } else if (take_whole(rest, whole.value)) {
            field.value = whole;
        } else {
            return false;
        }
        ++count_;
    } while (take(rest, ','));
    return rest == "}";
}

bool TokenObject::take_text(std::string_view& rest, std::string_view& text) {
    if (!rest.starts_with('"')) {
        return false;
    }
    std::size_t end = 1;
    for (; end < rest.size() && rest[end] != '"'; ++end) {
        if (rest[end] < ' ' || rest[end] > '~' || rest[end] == '\\') {
            return false;
        }
    }
    if (end == rest.size()) {
        return false;
    }
    text = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return true;
}

bool TokenObject::take_whole(std::string_view& rest, std::int64_t& whole) {
    std::size_t end = 0;
    std::int64_t value = 0;
    for (; end < rest.size() && rest[end] >= '0' && rest[end] <= '9'; ++end) {
        if (end == kDigits) {
            return false;
        }
        value = value * 10 + (rest[end] - '0');
    }
    // What follows is looked at by the caller, who knows neither fractions nor exponents.
    if (end == 0 || (end > 1 && rest.front() == '0')) {
        return false;
    }
    whole = value;
    rest.remove_prefix(end);
    return true;
}

TokenObject::Value TokenObject::find(std::string_view name) const {
    if (tree_ == nullptr) {
        for (std::size_t i = count_; i-- > 0;) {
            if (fields_[i].name == name) {
                return fields_[i].value;
            }
        }
        return Missing{};
    }
    const auto found = tree_->object.find(std::string(name));
    if (found == tree_->object.end()) {
        return Missing{};
    }
    if (const auto* text = found->get_ptr<const std::string*>()) {
        return std::string_view(*text);
    }
    if (const auto* positive = found->get_ptr<const std::uint64_t*>()) {
        return Whole{*positive > INT64_MAX ? -1 : static_cast<std::int64_t>(*positive)};
    }
    if (const auto* number = found->get_ptr<const std::int64_t*>()) {
        return Whole{*number < 0 ? -1 : *number};
    }
    return Other{};
}

}  // namespace parley::protocol
