#pragma once

#include "base/time.h"
#include "parley/result.h"

#include <functional>
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace parley::asio {

// From when to when: of the chain that a server shows, what holds for all of it.
struct CertificateValidity {
    WallTime from;
    WallTime until;
};

// The certificate of a server and the rules of its TLS: 1.2 and later, forward secrecy and
// authenticated ciphers only, no renegotiation, no compression, no session cache, no tickets (a
// resumed session would save half a handshake and cost memory and a key to rotate). Shared by
// acceptors on any thread.
class TlsServer {
  public:
    // Reads a PEM certificate chain (the server's own first) and its private key. An error
    // (invalid_argument) says which file and what is wrong with it.
    static Result<std::shared_ptr<TlsServer>> load(std::string certificate_file,
                                                   std::string key_file);
    ~TlsServer();

    // Reads the same files again; new connections use what they hold. On an error, of the files or
    // of `judge`, who may refuse what they hold, everything stays as it was.
    using Judge = std::function<Result<void>(const CertificateValidity& next)>;
    Result<void> reload(const Judge& judge = nullptr);

    // Of the files in use.
    CertificateValidity validity() const;

    // For this folder: the OpenSSL context in use (SSL_CTX), kept alive by the pointer.
    std::shared_ptr<ssl_ctx_st> context() const;

  private:
    struct State;
    explicit TlsServer(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace parley::asio
