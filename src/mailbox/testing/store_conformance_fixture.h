#pragma once

#include "mailbox/testing/store_world.h"

// What the parts of the conformance suite of mailbox::Store stand on (store_conformance.h).
namespace parley::mailbox {

using namespace std::chrono_literals;

class StoreConformance : public testing::TestWithParam<MakeStoreWorld> {
  protected:
    void open(const StoreSettings& settings = {}) {
        world_ = GetParam()(settings);
        call_.emplace(*world_);
    }
    void enroll_alice_and_bob() {
        call_->enroll("alice", "phone");
        call_->enroll("bob", "phone");
    }
    void SetUp() override { open(); }
    Store& door() { return world_->door(); }

    std::unique_ptr<StoreWorld> world_;
    std::optional<Caller> call_;
};

using Strings = std::vector<std::string>;

}  // namespace parley::mailbox
