#include "admin/router.h"

#include "admin/names.h"
#include "words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace parley::parleyd {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

bool is_name(std::string_view part) {
    return part.size() > 2 && part.front() == '{' && part.back() == '}';
}

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
    return std::equal(pattern.begin(), pattern.end(), path.begin(), path.end(),
                      [](const std::string& wanted, const std::string& found) {
                          return is_name(wanted) ? !found.empty() : wanted == found;
                      });
}

// False: something is not percent-encoded as it must be.
bool read_path(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
               AdminRequest& request) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (!is_name(pattern[i])) {
            continue;
        }
        auto value = percent_decode(path[i]);
        if (!value) {
            return false;
        }
        request.values[pattern[i].substr(1, pattern[i].size() - 2)] = std::move(*value);
    }
    return true;
}

// The name of the query that the route does not have, or gave twice.
std::optional<std::string> odd_name(std::string_view query, std::vector<std::string> allowed) {
    if (query.empty()) {
        return std::nullopt;
    }
    for (const std::string& pair : split(query, '&')) {
        const std::string name = pair.substr(0, pair.find('='));
        if (std::erase(allowed, name) == 0) {
            return name;
        }
    }
    return std::nullopt;
}

bool read_query(std::string_view query, AdminRequest& request) {
    if (query.empty()) {
        return true;
    }
    for (const std::string& pair : split(query, '&')) {
        const auto equals = pair.find('=');
        auto value =
            percent_decode(equals == std::string::npos ? std::string_view()
                                                       : std::string_view(pair).substr(equals + 1));
        if (!value) {
            return false;
        }
        request.values.emplace(pair.substr(0, equals), std::move(*value));
    }
    return true;
}

}  // namespace

void AdminRouter::add(std::string_view method, std::string_view pattern, Handler handler) {
    const auto mark = pattern.find('?');
    routes_.push_back({std::string(method), split(pattern.substr(0, mark), '/'),
                       mark == std::string_view::npos ? std::vector<std::string>()
                                                      : split(pattern.substr(mark + 1), '&'),
                       std::move(handler)});
}

void AdminRouter::handle(const io::HttpRequest& request, Done done) {
    const std::string_view target = request.target;
    const auto mark = std::min(target.find('?'), target.size());
    const auto path = split(target.substr(0, mark), '/');
    std::vector<std::string> allowed;
    for (const Route& route : routes_) {
        if (!fits(route.parts, path)) {
            continue;
        }
        if (route.method != request.method) {
            allowed.push_back(route.method);
            continue;
        }
        const std::string_view query = target.substr(std::min(mark + 1, target.size()));
        if (const auto odd = odd_name(query, route.names)) {
            return done(
                refuse(400, "the query has an unknown or repeated \"" + shown(*odd) + "\""));
        }
        AdminRequest taken;
        taken.body = request.body;
        if (!read_path(route.parts, path, taken) || !read_query(query, taken)) {
            return done(refuse(400, "the address has a % that two hex digits do not follow"));
        }
        if (const auto what = nonsense(taken)) {
            return done(refuse(400, *what));
        }
        return route.handler(taken, std::move(done));
    }
    if (!allowed.empty()) {
        std::string methods;
        for (const std::string& method : allowed) {
            methods += (methods.empty() ? "" : " and ") + method;
        }
        io::HttpResponse response = refuse(405, "only " + methods + " is allowed here");
        response.allow = std::move(allowed);
        return done(std::move(response));
    }
    if (rest_ != nullptr) {
        return rest_->handle(request, std::move(done));
    }
    done(refuse(404, "there is nothing at this path"));
}

io::HttpResponse refuse(int status, std::string_view message) {
    io::HttpResponse response;
    response.status = status;
    // What was asked for may be quoted and need not be UTF-8.
    response.body = nlohmann::ordered_json{{"errorCode", status}, {"message", message}}.dump(
                        -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                    "\n";
    return response;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
                              c == '~';
        if (is_plain) {
            encoded += c;
            continue;
        }
        encoded += '%';
        encoded += kHex[static_cast<unsigned char>(c) >> 4];
        encoded += kHex[static_cast<unsigned char>(c) & 15];
    }
    return encoded;
}

}  // namespace parley::parleyd
