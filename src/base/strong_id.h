#pragma once

#include <compare>
#include <functional>
#include <utility>

namespace parley {

// A value that must not be mixed with others of the same representation. Explicit in, explicit out.
template <typename Tag, typename T>
class StrongId {
  public:
    using value_type = T;

    StrongId() = default;
    explicit StrongId(T value) : value_(std::move(value)) {}

    const T& value() const& noexcept { return value_; }
    T&& value() && noexcept { return std::move(value_); }

    friend auto operator<=>(const StrongId&, const StrongId&) = default;
    friend bool operator==(const StrongId&, const StrongId&) = default;

  private:
    T value_{};
};

}  // namespace parley

template <typename Tag, typename T>
struct std::hash<parley::StrongId<Tag, T>> {
    std::size_t operator()(const parley::StrongId<Tag, T>& id) const noexcept {
        return std::hash<T>{}(id.value());
    }
};
