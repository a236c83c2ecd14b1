#pragma once

#include "io/acceptor.h"

namespace parley::server {

class NodeLoop;

// Plain HTTP on one of the node's ports (spec/wire.md, "HTTP").
class HttpSide final : public io::RequestHandler {
  public:
    enum class Kind { open, admin };  // the public port, or the administration's
    HttpSide(NodeLoop& loop, Kind kind) : loop_(loop), kind_(kind) {}

    void handle(const io::HttpRequest& request, Done done) override;

  private:
    void check_ready(Done done);

    NodeLoop& loop_;
    const Kind kind_;
};

}  // namespace parley::server
