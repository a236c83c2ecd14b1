#pragma once

#include "base/metrics.h"
#include "base/prometheus.h"
#include "io/loop.h"

namespace parley::parleyd {

// What the kernel says of this process, by the names that Prometheus has for it. Looked up every
// few seconds on a loop that serves nobody: counting a hundred thousand descriptors takes long.
//
// Made before the loop runs, destroyed when it has stopped; write() from any thread.
class ProcessNumbers {
  public:
    explicit ProcessNumbers(io::Loop& loop);
    ProcessNumbers(const ProcessNumbers&) = delete;
    ProcessNumbers& operator=(const ProcessNumbers&) = delete;

    void write(MetricsText& text) const;

  private:
    void look();

    io::Loop& loop_;
    double started_ = 0;  // seconds since 1970
    Tally cpu_us_;
    Tally resident_bytes_;
    Tally open_descriptors_;
    Tally most_descriptors_;
    Tally threads_;
    io::Timer timer_;
};

}  // namespace parley::parleyd
