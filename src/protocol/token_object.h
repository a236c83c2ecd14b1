#pragma once

#include "parley/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace parley::protocol {

// The JSON object of a token's part. What servers write (one line of printable ASCII, texts without
// escapes, whole numbers) is read as it lies there; of all else a JSON parser makes a tree. A name
// that comes twice has the later value.
class TokenObject {
  public:
    // `text` outlives the object. `name` is for the error: invalid_argument.
    static Result<TokenObject> read(std::string_view text, std::string_view name);

    // A number below 0 or above the signed range is -1.
    struct Whole {
        std::int64_t value = 0;
    };
    struct Missing {};
    struct Other {};
    using Value = std::variant<Missing, Other, std::string_view, Whole>;
    Value find(std::string_view name) const;
    bool has(std::string_view name) const { return !std::holds_alternative<Missing>(find(name)); }

  private:
    struct Field {
        std::string_view name;
        Value value;
    };
    struct Tree;
    struct Free {
        void operator()(Tree* tree) const;
    };

    bool read_usual(std::string_view text);
    static bool take_text(std::string_view& rest, std::string_view& text);
    static bool take_whole(std::string_view& rest, std::int64_t& whole);

    std::array<Field, 8> fields_{};
    std::size_t count_ = 0;
    std::unique_ptr<Tree, Free> tree_;  // null: fields_ are all
};

}  // namespace parley::protocol
