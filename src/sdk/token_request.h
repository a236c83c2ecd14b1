#pragma once

#include "parley/client.h"

#include <atomic>
#include <memory>

namespace parley {

// What the copies of one TokenRequest share: who asked, and whether it was answered.
struct TokenRequest::State {
    State(TokenReason why, std::weak_ptr<sdk::Core> asking)
        : reason(why), core(std::move(asking)) {}
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    // The first answer counts; `token` goes to the core if that still lives.
    void answer(Result<std::string> token);

    const TokenReason reason;
    const std::weak_ptr<sdk::Core> core;
    std::atomic<bool> answered = false;
};

}  // namespace parley
