#include "adapters/asio/http_request.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include <limits>
#include <utility>

namespace parley::asio {

namespace http = boost::beast::http;

namespace {

boost::beast::string_view to_beast(std::string_view text) {
    return {text.data(), text.size()};
}

std::string_view from_beast(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

}  // namespace

struct HttpRequestReader::Parser {
    http::request_parser<http::string_body> request;
    std::string input;  // not yet parsed
    int status = 0;
    std::string what;

    State fail(int code, std::string sentence) {
        status = code;
        what = std::move(sentence);
        input = {};  // not kept while the answer is read
        return State::failed;
    }
    State fail(const boost::system::error_code& error) {
        if (error == http::error::header_limit) {
            return fail(431, "the request's head is too long");
        }
        if (error == http::error::body_limit) {
            return fail(413, "the request's body is too long");
        }
        return fail(400, "not a request that HTTP/1.1 knows: " + error.message());
    }
};

HttpRequestReader::HttpRequestReader(std::size_t header_bytes, std::size_t body_bytes)
    : parser_(std::make_unique<Parser>()) {
    constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
    parser_->request.header_limit(static_cast<std::uint32_t>(std::min(header_bytes, most)));
    parser_->request.body_limit(body_bytes);
}

HttpRequestReader::~HttpRequestReader() = default;

HttpRequestReader::State HttpRequestReader::feed(std::string_view bytes) {
    Parser& parser = *parser_;
    if (parser.status != 0) {
        return State::failed;
    }
    parser.input.append(bytes);
    while (!parser.request.is_done() && !parser.input.empty()) {
        boost::system::error_code error;
        const std::size_t used = parser.request.put(
            boost::asio::buffer(parser.input.data(), parser.input.size()), error);
        parser.input.erase(0, used);
        if (!error && parser.request.is_header_done()) {
            // Beast 1.81 asserts on certain cuts of a chunked body ("0", line end, one byte more).
            // Nobody needs to send us one, so none gets as far.
            if (parser.request.chunked()) {
                return parser.fail(411, "send the body with a Content-Length");
            }
            parser.request.eager(true);
        }
        if (error == http::error::need_more) {
            // What is left is the beginning of a line: the head's own limit bounds it.
            if (used == 0 || parser.input.empty()) {
                break;
            }
        } else if (error) {
            return parser.fail(error);
        } else if (used == 0) {
            break;
        }
    }
    return parser.request.is_done() ? State::complete : State::incomplete;
}

std::string_view HttpRequestReader::method() const {
    return from_beast(parser_->request.get().method_string());
}

std::string_view HttpRequestReader::target() const {
    return from_beast(parser_->request.get().target());
}

std::string HttpRequestReader::take_body() {
    return std::move(parser_->request.get().body());
}

std::string HttpRequestReader::field(std::string_view name) const {
    std::string joined;
    const auto [begin, end] = parser_->request.get().equal_range(to_beast(name));
    for (auto at = begin; at != end; ++at) {
        joined += joined.empty() ? "" : ",";
        joined += from_beast(at->value());
    }
    return joined;
}

std::string HttpRequestReader::take_rest() {
    return std::exchange(parser_->input, {});
}

int HttpRequestReader::status() const {
    return parser_->status;
}

std::string_view HttpRequestReader::what() const {
    return parser_->what;
}

std::string write_http(const HttpAnswer& answer) {
    const auto reason = from_beast(
        http::obsolete_reason(http::int_to_status(static_cast<unsigned>(answer.status))));
    std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " " + std::string(reason) +
                       "\r\nContent-Type: " + answer.content_type +
                       "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                       "\r\nCache-Control: no-store\r\nConnection: close\r\n" + answer.fields +
                       "\r\n";
    if (!answer.head_only) {
        text += answer.body;
    }
    return text;
}

std::string error_body(int status, std::string_view message) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string body = "{\"errorCode\": " + std::to_string(status) + ", \"message\": \"";
    for (const char c : message) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            body += '\\';
            body += c;
        } else if (byte < 0x20 || byte >= 0x7F) {
            // Whatever a peer sent: the body stays ASCII, and so valid JSON.
            body += "\\u00";
            body += kHex[byte >> 4];
            body += kHex[byte & 0xF];
        } else {
            body += c;
        }
    }
    body += "\"}\n";
    return body;
}

}  // namespace parley::asio
