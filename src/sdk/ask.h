#pragma once

#include "base/task.h"

#include <future>
#include <optional>
#include <utility>

// Waiting on one thread for what another one answers. An answer that is destroyed unused ends the
// wait as well, so that a loop which ends with tasks left over leaves nobody waiting.
namespace parley::sdk {

// Gives the answer, once. Moved, never copied.
template <typename R>
class Answer {
  public:
    explicit Answer(std::promise<R> promise) : promise_(std::move(promise)) {}
    void operator()(R value) { promise_.set_value(std::move(value)); }

  private:
    std::promise<R> promise_;
};

// Calls `begin(Answer<R>)`, which hands the answer on, and waits for it; nothing: it was dropped.
template <typename R, typename Begin>
std::optional<R> ask_later(Begin begin) {
    std::promise<R> promise;
    std::future<R> future = promise.get_future();
    begin(Answer<R>(std::move(promise)));
    try {
        return future.get();
    } catch (const std::future_error&) {
        return std::nullopt;
    }
}

// Has `post(Task)` run the function elsewhere and waits for its result.
template <typename Post, typename F>
auto ask(Post post, F function) -> std::optional<decltype(function())> {
    using R = decltype(function());
    return ask_later<R>([&](Answer<R> answer) {
        post([answer = std::move(answer), function = std::move(function)]() mutable {
            answer(function());
        });
    });
}

}  // namespace parley::sdk
