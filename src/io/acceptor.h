#pragma once

#include "base/task.h"
#include "io/channel.h"

#include <memory>
#include <string>
#include <vector>

namespace parley::io {

struct HttpRequest {
    std::string method;
    std::string target;  // path and query as they came
    std::string body;
};

struct HttpResponse {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::string> allow;  // of a 405
};

// Answers plain HTTP requests on a listening port. Called on the connection's loop; `done` may be
// called at once or later, from that loop, exactly once; after the connection has gone it has no
// effect.
class RequestHandler {
  public:
    using Done = UniqueFunction<void(HttpResponse)>;
    virtual ~RequestHandler() = default;
    virtual void handle(const HttpRequest& request, Done done) = 0;
};

// Takes over new channels. Called on the loop that the channel belongs to.
class ChannelHandler {
  public:
    virtual ~ChannelHandler() = default;
    virtual void on_channel(std::unique_ptr<Channel> channel) = 0;
};

// Listens on an address and hands on what connects: WebSocket upgrades of /v1/connect with one of
// the subprotocols become channels, other requests go to the RequestHandler. Destroying it stops
// listening; channels live on.
class Acceptor {
  public:
    virtual ~Acceptor() = default;
    // The port in use (where 0 was asked for).
    virtual std::uint16_t port() const = 0;
    // Accepts no further connections; those that exist live on.
    virtual void stop() = 0;
};

}  // namespace parley::io
