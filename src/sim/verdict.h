#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace parley::sim {

// The first broken rule of a run; what comes after it is not to be trusted.
class Verdict {
  public:
    struct Broken {
        std::string rule;  // "R7" of spec/semantics.md, or "liveness", "buffers"
        std::string what;
    };

    // Called once, with the first.
    explicit Verdict(std::function<void(const Broken&)> told = nullptr) : told_(std::move(told)) {}

    void broken(std::string_view rule, std::string what) {
        if (first_) {
            return;
        }
        first_ = Broken{std::string(rule), std::move(what)};
        if (told_) {
            told_(*first_);
        }
    }
    bool ok() const { return !first_; }
    const std::optional<Broken>& first() const { return first_; }

  private:
    std::function<void(const Broken&)> told_;
    std::optional<Broken> first_;
};

}  // namespace parley::sim
