#pragma once

#include "parley/result.h"

#define PARLEY_TRY_JOIN_(a, b) a##b
#define PARLEY_TRY_NAME_(line) PARLEY_TRY_JOIN_(parley_result_, line)

// PARLEY_TRY(auto x, f()): x is the value of f(), or the function returns f()'s error.
#define PARLEY_TRY(declaration, ...)                                                \
    auto PARLEY_TRY_NAME_(__LINE__) = (__VA_ARGS__);                                \
    if (!PARLEY_TRY_NAME_(__LINE__))                                                \
        return ::parley::unexpected(std::move(PARLEY_TRY_NAME_(__LINE__)).error()); \
    declaration = std::move(PARLEY_TRY_NAME_(__LINE__)).value()

// PARLEY_CHECK(f()): goes on if f() succeeded, else the function returns its error.
#define PARLEY_CHECK(...)                                                   \
    do {                                                                    \
        auto parley_result_ = (__VA_ARGS__);                                \
        if (!parley_result_)                                                \
            return ::parley::unexpected(std::move(parley_result_).error()); \
    } while (false)
