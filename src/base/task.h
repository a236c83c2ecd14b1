#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace parley {

template <typename Signature>
class UniqueFunction;

// A callable that is moved, never copied, so that it can own what it works on. Empty after a move.
// (std::move_only_function is C++23.)
template <typename R, typename... Args>
class UniqueFunction<R(Args...)> {
  public:
    UniqueFunction() = default;
    UniqueFunction(std::nullptr_t) {}

    template <typename F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> &&
                 std::is_invocable_r_v<R, F&, Args...>)
    UniqueFunction(F&& function)
        : body_(std::make_unique<Body<std::decay_t<F>>>(std::forward<F>(function))) {}

    explicit operator bool() const noexcept { return body_ != nullptr; }

    R operator()(Args... args) { return body_->call(std::forward<Args>(args)...); }

  private:
    struct Callable {
        virtual ~Callable() = default;
        virtual R call(Args... args) = 0;
    };
    template <typename F>
    struct Body final : Callable {
        explicit Body(F f) : function(std::move(f)) {}
        R call(Args... args) override { return function(std::forward<Args>(args)...); }
        F function;
    };
    std::unique_ptr<Callable> body_;
};

// Work to be run once, later.
using Task = UniqueFunction<void()>;

}  // namespace parley
