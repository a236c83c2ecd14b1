#include "server/http.h"

#include "server/node_loop.h"

#include <string>
#include <string_view>
#include <utility>

namespace parley::server {
namespace {

// Names of files may hold anything.
std::string escaped(std::string_view text) {
    std::string escaped;
    for (const char one : text) {
        if (one == '"' || one == '\\') {
            escaped.push_back('\\');
        }
        escaped.push_back(static_cast<unsigned char>(one) < 0x20 ? ' ' : one);
    }
    return escaped;
}

io::HttpResponse refusal(int status, std::string_view message) {
    io::HttpResponse response;
    response.status = status;
    response.body = "{\"errorCode\": " + std::to_string(status) + ", \"message\": \"" +
                    std::string(message) + "\"}\n";
    return response;
}

io::HttpResponse state(int status, std::string_view word, std::string_view why) {
    io::HttpResponse response;
    response.status = status;
    response.body = "{\"status\": \"" + std::string(word) + "\"";
    if (!why.empty()) {
        response.body += ", \"why\": \"" + escaped(why) + "\"";
    }
    response.body += "}\n";
    return response;
}

}  // namespace

void HttpSide::handle(const io::HttpRequest& request, Done done) {
    const std::string_view target = request.target;
    const std::string_view path = target.substr(0, target.find('?'));
    const bool is_metrics = path == "/metrics" && kind_ == Kind::admin;
    if (path != "/healthz" && path != "/readyz" && !is_metrics) {
        return done(refusal(404, "there is nothing at this path"));
    }
    if (request.method != "GET" && request.method != "HEAD") {
        io::HttpResponse response = refusal(405, "only GET is allowed here");
        response.allow = {"GET", "HEAD"};
        return done(std::move(response));
    }
    if (path == "/healthz") {
        const auto& unhealthy = loop_.common().probes.unhealthy;
        const auto why = unhealthy ? unhealthy(loop_.loop().now()) : std::nullopt;
        return done(why ? state(503, "stuck", *why) : state(200, "alive", ""));
    }
    find_out([this, is_metrics,
              done = std::move(done)](const std::optional<Readiness::Reason>& reason) mutable {
        done(is_metrics ? metrics_page(!reason) : ready_page(reason));
    });
}

// Ready is who takes sessions and messages now: the store is read and takes writes, and nothing
// waits for it to recover.
void HttpSide::find_out(Readiness::Done done) {
    const NodeCommon& common = loop_.common();
    using Reason = Readiness::Reason;
    if (common.draining.load(std::memory_order_relaxed)) {
        return done(Reason{"draining", "the server is going down", true});
    }
    if (common.metrics()[Metric::batches_waiting] > 0) {
        return done(Reason{"store away", "the store takes no messages now", true});
    }
    if (const auto trouble = loop_.store().trouble()) {
        return done(Reason{"store damaged",
                           *trouble + "; how to go on (parleyd verify, restore): backup.md of the "
                                      "manual, \"When the store is damaged\"",
                           false});
    }
    if (common.metrics()[Metric::events_stopped] > 0) {
        return done(Reason{"store damaged", "a mailbox cannot be read; the log says which", true});
    }
    using Asker = Readiness::Asker;
    loop_.readiness().check(kind_ == Kind::admin ? Asker::operator_ : Asker::stranger,
                            std::move(done));
}

io::HttpResponse HttpSide::ready_page(const std::optional<Readiness::Reason>& reason) const {
    if (!reason) {
        return state(200, "ready", "");
    }
    // Names of files are for operators alone.
    const bool all = kind_ == Kind::admin || reason->is_public;
    return state(503, reason->status, all ? reason->why : "the administration side says why");
}

io::HttpResponse HttpSide::metrics_page(bool ready) const {
    const NodeCommon& common = loop_.common();
    MetricsText text;
    text.gauge("parley_ready", "1 if the server takes sessions and messages, as /readyz says.",
               std::int64_t{ready});
    write(common.metrics(), text);
    if (common.probes.metrics) {
        common.probes.metrics(text, loop_.loop().now());
    }
    io::HttpResponse response;
    response.content_type = "text/plain; version=0.0.4";
    response.body = text.text();
    return response;
}

}  // namespace parley::server
