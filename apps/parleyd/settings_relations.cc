#include "settings.h"

#include <fmt/format.h>

namespace parley::parleyd {
namespace {

// The key, and where it was given if it was.
std::string name_of(std::string_view key, const std::map<std::string, std::string>& where) {
    const auto found = where.find(std::string(key));
    return found == where.end() ? fmt::format("{} (default)", key)
                                : fmt::format("{} ({})", key, found->second);
}

}  // namespace

std::vector<std::string> check_relations(const Settings& settings,
                                         const std::map<std::string, std::string>& where) {
    const Limits& limits = settings.node.limits;
    const ServerLimits& server = settings.node.server;
    std::vector<std::string> problems;
    const auto name = [&](std::string_view key) { return name_of(key, where); };

    if (const auto least = smallest_frame_for(limits); limits.frame_bytes < least) {
        problems.push_back(fmt::format(
            "{} is {}: at least {} are needed, 6 x (limits.text_bytes {} + limits.header_bytes {}) "
            "+ 4 x limits.recipient_bytes {} + 16384",
            name("limits.frame_bytes"), limits.frame_bytes, least, limits.text_bytes,
            limits.header_bytes, limits.recipient_bytes));
    }
    if (limits.inflight_bytes < limits.frame_bytes) {
        problems.push_back(fmt::format("{} is {}: at least limits.frame_bytes, {}, is needed",
                                       name("limits.inflight_bytes"), limits.inflight_bytes,
                                       limits.frame_bytes));
    }
    if (server.rate_per_second > 0 && server.rate_burst < limits.recipients) {
        problems.push_back(fmt::format("{} is {}: at least limits.recipients, {}, is needed",
                                       name("limits.rate_burst"), server.rate_burst,
                                       limits.recipients));
    }
    if (settings.tls_cert.empty() != settings.tls_key.empty()) {
        const bool has_cert = !settings.tls_cert.empty();
        problems.push_back(fmt::format("{} is given without {}: TLS needs both or none",
                                       name(has_cert ? "tls.cert" : "tls.key"),
                                       has_cert ? "tls.key" : "tls.cert"));
    }
    if (!settings.insecure_bind && settings.tls_cert.empty() && settings.tls_key.empty() &&
        !is_loopback(settings.listen)) {
        problems.push_back(fmt::format(
            "{} is {}, which other machines can reach, and there is no TLS: give --tls-cert and "
            "--tls-key, listen on 127.0.0.1, or say --insecure-bind",
            name("listen"), to_string(settings.listen)));
    }
    if (!settings.insecure_bind && settings.admin_listen && !is_loopback(*settings.admin_listen)) {
        problems.push_back(fmt::format(
            "{} is {}, which other machines can reach, and administration has no TLS: listen on "
            "127.0.0.1, or say --insecure-bind",
            name("admin.listen"), to_string(*settings.admin_listen)));
    }
    if (problems.empty()) {
        // What only the core knows of.
        problems = server::check_options(settings.node);
    }
    return problems;
}

}  // namespace parley::parleyd
