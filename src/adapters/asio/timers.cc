#include "adapters/asio/timers.h"

#include <utility>

namespace parley::asio {

std::uint64_t Timers::add(Instant when, Task task) {
    std::uint32_t slot = 0;
    if (free_.empty()) {
        slot = static_cast<std::uint32_t>(slots_.size());
        slots_.emplace_back();
    } else {
        slot = free_.back();
        free_.pop_back();
    }
    slots_[slot].when = when;
    slots_[slot].order = next_order_++;
    slots_[slot].task = std::move(task);
    heap_.push_back(slot);
    sift_up(heap_.size() - 1);
    return id_of(slot);
}

void Timers::cancel(std::uint64_t id) noexcept {
    Slot* const slot = find(id);
    if (slot == nullptr) {
        return;
    }
    if (slot->position != kFired) {
        take_out(slot->position);
    }
    // Destroyed here, after the books are in order: its destructor may add and cancel timers.
    const Task task = release(static_cast<std::uint32_t>(id & UINT32_MAX));
}

std::optional<Instant> Timers::earliest() const {
    if (heap_.empty()) {
        return std::nullopt;
    }
    return slots_[heap_.front()].when;
}

void Timers::collect_due(Instant now) {
    if (next_fired_ == fired_.size()) {
        fired_.clear();
        next_fired_ = 0;
    }
    while (!heap_.empty() && slots_[heap_.front()].when <= now) {
        const std::uint32_t slot = heap_.front();
        take_out(0);
        slots_[slot].position = kFired;
        fired_.push_back(id_of(slot));
    }
}

Task Timers::take_fired() {
    while (next_fired_ < fired_.size()) {
        const std::uint64_t id = fired_[next_fired_++];
        if (find(id) != nullptr) {
            return release(static_cast<std::uint32_t>(id & UINT32_MAX));
        }
    }
    return {};
}

void Timers::clear() {
    for (bool found = true; found;) {
        found = false;
        for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
            if (slots_[slot].position != kNowhere) {
                found = true;
                cancel(id_of(slot));
            }
        }
    }
}

bool Timers::before(std::uint32_t a, std::uint32_t b) const {
    const Slot& left = slots_[a];
    const Slot& right = slots_[b];
    return left.when != right.when ? left.when < right.when : left.order < right.order;
}

void Timers::place(std::size_t position, std::uint32_t slot) {
    heap_[position] = slot;
    slots_[slot].position = static_cast<std::uint32_t>(position);
}

void Timers::sift_up(std::size_t position) {
    const std::uint32_t slot = heap_[position];
    while (position > 0) {
        const std::size_t parent = (position - 1) / 2;
        if (!before(slot, heap_[parent])) {
            break;
        }
        place(position, heap_[parent]);
        position = parent;
    }
    place(position, slot);
}

void Timers::sift_down(std::size_t position) {
    const std::uint32_t slot = heap_[position];
    while (true) {
        std::size_t child = 2 * position + 1;
        if (child >= heap_.size()) {
            break;
        }
        if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) {
            ++child;
        }
        if (!before(heap_[child], slot)) {
            break;
        }
        place(position, heap_[child]);
        position = child;
    }
    place(position, slot);
}

void Timers::take_out(std::size_t position) {
    const std::uint32_t last = heap_.back();
    heap_.pop_back();
    if (position == heap_.size()) {
        return;
    }
    place(position, last);
    sift_up(position);
    sift_down(slots_[last].position);
}

Task Timers::release(std::uint32_t slot) {
    Task task = std::move(slots_[slot].task);
    slots_[slot].position = kNowhere;
    ++slots_[slot].generation;
    free_.push_back(slot);
    return task;
}

std::uint64_t Timers::id_of(std::uint32_t slot) const {
    return static_cast<std::uint64_t>(slots_[slot].generation) << 32 | slot;
}

Timers::Slot* Timers::find(std::uint64_t id) {
    const auto slot = static_cast<std::uint32_t>(id & UINT32_MAX);
    if (slot >= slots_.size() || slots_[slot].position == kNowhere || id_of(slot) != id) {
        return nullptr;
    }
    return &slots_[slot];
}

}  // namespace parley::asio
