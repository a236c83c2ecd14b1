#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

// HTTP/1.1 as far as the server's port needs it. Beast stays behind this header.
namespace parley::asio {

// Reads one request from the bytes of a connection.
class HttpRequestReader {
  public:
    // A longer head or body is refused before it is stored.
    HttpRequestReader(std::size_t header_bytes, std::size_t body_bytes);
    HttpRequestReader(const HttpRequestReader&) = delete;
    HttpRequestReader& operator=(const HttpRequestReader&) = delete;
    ~HttpRequestReader();

    enum class State { incomplete, complete, failed };
    State feed(std::string_view bytes);

    // ---- of a complete request
    std::string_view method() const;
    std::string_view target() const;
    std::string take_body();
    // The values of a field, repeated ones joined by commas; empty if it is missing.
    std::string field(std::string_view name) const;
    // What came behind the request.
    std::string take_rest();

    // ---- of a failed one: the status that says so (400, 411, 413 or 431), and one sentence
    int status() const;
    std::string_view what() const;

  private:
    struct Parser;
    std::unique_ptr<Parser> parser_;
};

struct HttpAnswer {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    // Further fields, each with its line end ("Allow: GET\r\n").
    std::string fields;
    bool head_only = false;  // to a HEAD: the body is only measured
};
// The text of an answer after which the connection is closed.
std::string write_http(const HttpAnswer& answer);

// The body of a refusal (spec/wire.md, "HTTP"): {"errorCode": 404, "message": "..."}
std::string error_body(int status, std::string_view message);

}  // namespace parley::asio
