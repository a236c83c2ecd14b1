// Any request to administration is answered exactly once, by one line of JSON, whatever stands in
// its path, query and body; what a handler gets is what was encoded.
#include "apps/parleyd/admin/router.h"
#include "base/assert.h"

#include <nlohmann/json.hpp>

#include <cstdint>

namespace parley::parleyd {
namespace {

void check(const io::HttpResponse& response) {
    PARLEY_ASSERT(nlohmann::json::accept(response.body));
    PARLEY_ASSERT(response.body.find('\n') == response.body.size() - 1);
}

// Method, target and body, parted by line breaks.
void ask(std::string_view input) {
    int handled = 0;
    AdminRouter router(nullptr);
    const auto handler = [&](const AdminRequest& request, io::RequestHandler::Done done) {
        ++handled;
        // A value that was taken stands for itself again.
        for (const auto& [name, value] : request.values) {
            const std::string encoded = percent_encode(value);
            PARLEY_ASSERT(encoded.find_first_of("/?&=# \n") == encoded.npos);
        }
        PARLEY_ASSERT(!request["user"].empty());
        done(refuse(404, request["user"]));
    };
    router.add("GET", "/v1/users/{user}", handler);
    router.add("DELETE", "/v1/users/{user}/devices/{device}", handler);
    io::HttpRequest request;
    const auto take_line = [&input] {
        const auto end = std::min(input.find('\n'), input.size());
        const std::string line(input.substr(0, end));
        input.remove_prefix(std::min(end + 1, input.size()));
        return line;
    };
    request.method = take_line();
    request.target = take_line();
    request.body = input;
    int answered = 0;
    router.handle(request, [&](io::HttpResponse response) {
        ++answered;
        check(response);
    });
    PARLEY_ASSERT(answered == 1 && handled <= 1);
}

}  // namespace
}  // namespace parley::parleyd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::parleyd::ask({reinterpret_cast<const char*>(data), size});
    return 0;
}
