#pragma once

#include "base/task.h"
#include "io/acceptor.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace parley::parleyd {

// One request to administration, with its path and query taken apart and decoded.
struct AdminRequest {
    // What stood for {name} in the path, and the query's name=value pairs.
    std::map<std::string, std::string, std::less<>> values;
    std::string body;

    // Empty if it was not given.
    std::string_view operator[](std::string_view name) const {
        const auto found = values.find(name);
        return found == values.end() ? std::string_view() : std::string_view(found->second);
    }
};

// What may be asked on control.sock: finds the handler that a request is for. Requests for other
// paths go on to `rest`. The same routes serve a running server and a command that opened the store
// itself.
class AdminRouter final : public io::RequestHandler {
  public:
    // Runs on the loop of the request; calls `done` there, at once or later, exactly once.
    using Handler = std::function<void(const AdminRequest& request, Done done)>;

    // `rest` outlives this; null: there is nothing else.
    explicit AdminRouter(io::RequestHandler* rest) : rest_(rest) {}

    // `pattern` as "/v1/users/{user}?limit&after": a name in braces fits one part of a path,
    // whatever it is; after the ? come the names that the query may have. A request with another
    // one is refused: a filter that was mistyped must not mean "all". So is one with an id that
    // cannot be any (names.h).
    void add(std::string_view method, std::string_view pattern, Handler handler);

    void handle(const io::HttpRequest& request, Done done) override;

  private:
    struct Route {
        std::string method;
        std::vector<std::string> parts;
        std::vector<std::string> names;  // of the query
        Handler handler;
    };

    io::RequestHandler* const rest_;
    std::vector<Route> routes_;
};

// {"errorCode": ..., "message": ...}. The message is a sentence for whoever asked.
io::HttpResponse refuse(int status, std::string_view message);

// A part of a path or a value of a query, as it stands in a target.
std::string percent_encode(std::string_view text);

}  // namespace parley::parleyd
