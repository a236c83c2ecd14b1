#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace parley::parleyd {

// What `parleyd verify` finds, a line each as it is met, so that a machine or a person can work
// through them.
//
// A damaged place in a file is one finding, however many mailboxes have something there: these
// are named after it and not counted.
class VerifyReport {
  public:
    // `say` takes a line to print.
    explicit VerifyReport(std::function<void(const std::string& line)> say)
        : say_(std::move(say)) {}

    // About a file, given by its path.
    void find_in_file(const std::string& file, const std::string& what);
    // About something else: a user, a mailbox. Only `what` may name a file.
    void find(const std::string& where, const std::string& what);

    std::uint64_t findings() const { return findings_; }

  private:
    void say(const std::string& line);

    const std::function<void(const std::string& line)> say_;
    std::uint64_t findings_ = 0;
    std::uint64_t lines_ = 0;
    std::string last_named_;  // as behind a damaged place
    std::set<std::string> places_;
};

}  // namespace parley::parleyd
