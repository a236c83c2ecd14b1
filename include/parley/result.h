#pragma once

#include "parley/error.h"

#include <cstdlib>
#include <type_traits>
#include <utility>
#include <variant>

namespace parley {

// Wraps an error on its way into a Result: `return unexpected(make_error(...));`
struct unexpected {
    explicit unexpected(Error failure) : error(std::move(failure)) {}
    Error error;
};

// A value or an Error. Has the member names of std::expected (C++23), so that it can become an
// alias of it one day. Reading the wrong side ends the process: it is a bug of the caller.
template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(unexpected failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    T& value() & { return get<0>(state_); }
    const T& value() const& { return get<0>(state_); }
    T&& value() && { return std::move(get<0>(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    const Error& error() const& { return get<1>(state_); }
    Error&& error() && { return std::move(get<1>(state_)); }

    template <typename U>
    T value_or(U&& otherwise) const& {
        return has_value() ? value() : static_cast<T>(std::forward<U>(otherwise));
    }

  private:
    template <std::size_t I, typename V>
    static auto& get(V& state) {
        auto* side = std::get_if<I>(&state);
        if (side == nullptr) {
            std::abort();
        }
        return *side;
    }

    std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(unexpected failure) : error_(std::move(failure.error)), failed_(true) {}

    bool has_value() const noexcept { return !failed_; }
    explicit operator bool() const noexcept { return !failed_; }
    void value() const {
        if (failed_) {
            std::abort();
        }
    }
    const Error& error() const& {
        if (!failed_) {
            std::abort();
        }
        return error_;
    }
    Error&& error() && {
        if (!failed_) {
            std::abort();
        }
        return std::move(error_);
    }

  private:
    Error error_;
    bool failed_ = false;
};

}  // namespace parley
