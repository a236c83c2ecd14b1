#pragma once

#include "adapters/asio/io_result.h"
#include "adapters/asio/tls_server.h"
#include "base/bytes.h"
#include "parley/result.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>

struct bio_st;
struct ssl_ctx_st;
struct ssl_st;

// OpenSSL set on a descriptor, without its header. For this folder.
namespace parley::asio {

using TlsContext = std::shared_ptr<ssl_ctx_st>;

// TLS 1.2 and later; trusts the certificates of this PEM file, or the system's if it is empty. An
// error (invalid_argument) says what is wrong with the file.
Result<TlsContext> make_client_context(const std::string& ca_file);
// As TlsServer says.
Result<TlsContext> make_server_context(const std::string& certificate_file,
                                       const std::string& key_file);

// When all certificates of a server's context are valid.
CertificateValidity validity_of(const TlsContext& context);

// What a failed handshake of the server's side says if the client spoke HTTP without TLS.
inline constexpr std::string_view kPlainHttp = "plain HTTP on a TLS port";

// Reads and writes for all established connections of one loop: each aims it at its own descriptor
// before it uses it, so that an idle connection has none of its own.
class TlsPipe {
  public:
    TlsPipe();

  private:
    friend class Tls;
    struct Free {
        void operator()(bio_st* bio) const;
    };
    std::unique_ptr<bio_st, Free> bio_;
};

// One TLS connection on a non-blocking descriptor that it does not own. Empty by default.
class Tls {
  public:
    Tls() = default;
    // The client's side: the server must prove to be `host` (a name or an IP address).
    static Tls client(const TlsContext& context, int descriptor, const std::string& host);
    static Tls server(const TlsContext& context, int descriptor);

    explicit operator bool() const { return ssl_ != nullptr; }
    IoResult handshake();
    // After the handshake: uses the pipe of its loop from now on.
    void share(const TlsPipe& pipe);
    IoResult read(std::span<std::byte> buffer);
    IoResult write(BytesView bytes);
    // Tells the peer that nothing more comes. What does not go out at once is left.
    void close_notify();

  private:
    struct Free {
        void operator()(ssl_st* ssl) const;
    };
    Tls(const TlsContext& context, int descriptor);
    void aim() const;
    IoResult result_of(int returned, std::size_t bytes) const;
    std::string describe_failure() const;

    std::unique_ptr<ssl_st, Free> ssl_;
    int descriptor_ = -1;
};

}  // namespace parley::asio
