#pragma once

#include "io/acceptor.h"
#include "server/readiness.h"

#include <optional>

namespace parley::server {

class NodeLoop;

// Plain HTTP on one of the node's ports (spec/wire.md, "HTTP").
class HttpSide final : public io::RequestHandler {
  public:
    enum class Kind { open, admin };  // the public port, or the administration's
    HttpSide(NodeLoop& loop, Kind kind) : loop_(loop), kind_(kind) {}

    void handle(const io::HttpRequest& request, Done done) override;

  private:
    // Why the server is not ready; nothing: it is.
    void find_out(Readiness::Done done);
    io::HttpResponse ready_page(const std::optional<Readiness::Reason>& reason) const;
    io::HttpResponse metrics_page(bool ready) const;

    NodeLoop& loop_;
    const Kind kind_;
};

}  // namespace parley::server
