#pragma once

#include "sim/world.h"

#include <memory>
#include <string_view>
#include <vector>

namespace parley::sim {

// Something that goes wrong, and comes right by itself after a while.
class Fault {
  public:
    virtual ~Fault() = default;
    virtual std::string_view name() const = 0;
    // False: there was nothing to strike.
    virtual bool strike(World& world) = 0;
};

std::vector<std::unique_ptr<Fault>> make_faults(const Scenario& scenario);

// The parts that make_faults() puts together.
void add_network_faults(std::vector<std::unique_ptr<Fault>>& faults);
void add_process_faults(std::vector<std::unique_ptr<Fault>>& faults);
void add_disk_faults(std::vector<std::unique_ptr<Fault>>& faults);
void add_clock_faults(std::vector<std::unique_ptr<Fault>>& faults);
void add_store_faults(std::vector<std::unique_ptr<Fault>>& faults, bool epoch, bool restore);

// A fault that is one function.
template <typename Strike>
class NamedFault final : public Fault {
  public:
    NamedFault(std::string_view name, Strike how) : name_(name), strike_(how) {}
    std::string_view name() const override { return name_; }
    bool strike(World& world) override { return strike_(world); }

  private:
    std::string_view name_;
    Strike strike_;
};
template <typename Strike>
std::unique_ptr<Fault> make_fault(std::string_view name, Strike strike) {
    return std::make_unique<NamedFault<Strike>>(name, strike);
}

}  // namespace parley::sim
