#include "adapters/asio/tls.h"

#include "adapters/asio/tls_files.h"
#include "base/assert.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <limits>
#include <system_error>

namespace parley::asio {

namespace {

using State = IoResult::State;

// OpenSSL's own socket BIO writes with write(), which raises SIGPIPE on a broken connection. A
// library has no business changing how a program takes signals, hence this one with MSG_NOSIGNAL.
int descriptor_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int bio_write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = uninterrupted([&] {
        return ::send(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    });
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_write(bio);
    }
    return static_cast<int>(sent);
}

int bio_read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t got = uninterrupted(
        [&] { return ::recv(descriptor_of(bio), data, static_cast<std::size_t>(size), 0); });
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_read(bio);
    }
    return static_cast<int>(got);
}

long bio_control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

const BIO_METHOD* descriptor_bio() {
    // OpenSSL keeps pointers to its method tables; this one is made once and never changed.
    static const BIO_METHOD* const kMethod = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "descriptor");
        PARLEY_ASSERT(made != nullptr);
        BIO_meth_set_write(made, bio_write);
        BIO_meth_set_read(made, bio_read);
        BIO_meth_set_ctrl(made, bio_control);
        return made;
    }();
    return kMethod;
}

BIO* new_descriptor_bio() {
    BIO* const bio = BIO_new(descriptor_bio());
    PARLEY_ASSERT(bio != nullptr);
    BIO_set_init(bio, 1);
    return bio;
}

TlsContext make_context(const SSL_METHOD* method) {
    ERR_clear_error();
    SSL_CTX* const context = SSL_CTX_new(method);
    PARLEY_ASSERT(context != nullptr);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    // An idle connection gives its record buffers back.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return {context, SSL_CTX_free};
}

// The reason of the newest error that OpenSSL noted.
std::string last_reason() {
    const unsigned long code = ERR_peek_last_error();
    if (code == 0) {
        return "unknown reason";
    }
    const char* const reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "error " + std::to_string(code);
}

Error mismatch(const std::string& certificate_file, const std::string& key_file) {
    ERR_clear_error();
    return make_error(ErrorCode::invalid_argument,
                      key_file + ": is not the key of the certificate in " + certificate_file +
                          "; put the two there that were made together (the server's own "
                          "certificate comes first in its file)");
}

// OpenSSL would ask for it on the terminal, and wait.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

WallTime to_wall_time(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return {};
    }
    return WallTime(std::chrono::seconds(timegm(&parts)));
}

bool is_address(const std::string& host) {
    unsigned char raw[16];
    return inet_pton(AF_INET, host.c_str(), raw) == 1 ||
           inet_pton(AF_INET6, host.c_str(), raw) == 1;
}

}  // namespace

Result<TlsContext> make_client_context(const std::string& ca_file) {
    TlsContext context = make_context(TLS_client_method());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (ca_file.empty()) {
        SSL_CTX_set_default_verify_paths(context.get());
        ERR_clear_error();
    } else if (SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1) {
        return unexpected(pem_error(Pem::authorities, ca_file));
    }
    return context;
}

Result<TlsContext> make_server_context(const std::string& certificate_file,
                                       const std::string& key_file) {
    TlsContext context = make_context(TLS_server_method());
    SSL_CTX_set_num_tickets(context.get(), 0);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
    // Of TLS 1.2 only what TLS 1.3 would allow: ephemeral keys and authenticated encryption. A
    // client that has no AES in hardware says so by its order, and gets ChaCha20.
    PARLEY_ASSERT(SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
    SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
        return unexpected(pem_error(Pem::certificate, certificate_file));
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        return unexpected(is_key_mismatch() ? mismatch(certificate_file, key_file)
                                            : pem_error(Pem::private_key, key_file));
    }
    if (SSL_CTX_check_private_key(context.get()) != 1) {
        return unexpected(mismatch(certificate_file, key_file));
    }
    return context;
}

CertificateValidity validity_of(const TlsContext& context) {
    const X509* const own = SSL_CTX_get0_certificate(context.get());
    CertificateValidity validity{to_wall_time(X509_get0_notBefore(own)),
                                 to_wall_time(X509_get0_notAfter(own))};
    STACK_OF(X509)* others = nullptr;
    SSL_CTX_get0_chain_certs(context.get(), &others);
    for (int i = 0; i < sk_X509_num(others); ++i) {
        const X509* const other = sk_X509_value(others, i);
        validity.from = std::max(validity.from, to_wall_time(X509_get0_notBefore(other)));
        validity.until = std::min(validity.until, to_wall_time(X509_get0_notAfter(other)));
    }
    return validity;
}

void TlsPipe::Free::operator()(bio_st* bio) const {
    BIO_free(bio);
}

TlsPipe::TlsPipe() : bio_(new_descriptor_bio()) {}

void Tls::Free::operator()(ssl_st* ssl) const {
    SSL_free(ssl);
}

Tls::Tls(const TlsContext& context, int descriptor)
    : ssl_(SSL_new(context.get())), descriptor_(descriptor) {
    PARLEY_ASSERT(ssl_ != nullptr);
    // Its own: while the handshake lasts OpenSSL puts a buffer in front of it.
    BIO* const bio = new_descriptor_bio();
    SSL_set_bio(ssl_.get(), bio, bio);
}

Tls Tls::client(const TlsContext& context, int descriptor, const std::string& host) {
    Tls tls(context, descriptor);
    SSL* const ssl = tls.ssl_.get();
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_address(host)) {
        // RFC 6066: an address is not sent as a server name.
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl, host.c_str());
        SSL_set1_host(ssl, host.c_str());
    }
    SSL_set_connect_state(ssl);
    return tls;
}

Tls Tls::server(const TlsContext& context, int descriptor) {
    Tls tls(context, descriptor);
    SSL_set_accept_state(tls.ssl_.get());
    return tls;
}

void Tls::share(const TlsPipe& pipe) {
    PARLEY_ASSERT(SSL_is_init_finished(ssl_.get()) == 1);
    BIO_up_ref(pipe.bio_.get());
    SSL_set_bio(ssl_.get(), pipe.bio_.get(), pipe.bio_.get());
}

// Whoever used a shared pipe last has left it at another descriptor.
void Tls::aim() const {
    BIO_set_data(SSL_get_rbio(ssl_.get()),
                 reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor_)));
}

IoResult Tls::handshake() {
    aim();
    ERR_clear_error();
    errno = 0;
    return result_of(SSL_do_handshake(ssl_.get()), 1);
}

IoResult Tls::read(std::span<std::byte> buffer) {
    aim();
    ERR_clear_error();
    errno = 0;
    std::size_t got = 0;
    const int returned = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &got);
    return result_of(returned, got);
}

IoResult Tls::write(BytesView bytes) {
    aim();
    ERR_clear_error();
    errno = 0;
    std::size_t written = 0;
    const int returned = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    return result_of(returned, written);
}

void Tls::close_notify() {
    if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1) {
        aim();
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
}

IoResult Tls::result_of(int returned, std::size_t bytes) const {
    if (returned == 1) {
        return {State::done, bytes, {}};
    }
    const int system_error = errno;
    switch (SSL_get_error(ssl_.get(), returned)) {
        case SSL_ERROR_WANT_READ:
            return {State::want_read, 0, {}};
        case SSL_ERROR_WANT_WRITE:
            return {State::want_write, 0, {}};
        case SSL_ERROR_ZERO_RETURN:
            return {State::ended, 0, {}};
        case SSL_ERROR_SYSCALL:
            if (system_error == 0) {
                return {State::ended, 0, {}};
            }
            return {State::failed, 0, std::generic_category().message(system_error)};
        default:
            break;
    }
    IoResult failure{State::failed, 0, describe_failure()};
    ERR_clear_error();
    return failure;
}

std::string Tls::describe_failure() const {
    const int reason = ERR_GET_REASON(ERR_peek_error());
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return "the connection was closed during the TLS handshake";
    }
    if (reason == SSL_R_HTTP_REQUEST) {
        return std::string(kPlainHttp);
    }
    if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
        reason == SSL_R_RECORD_TOO_SMALL) {
        return "what answers there does not speak TLS";
    }
    if (reason != SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return "TLS failed: " + last_reason();
    }
    const long verdict = SSL_get_verify_result(ssl_.get());
    switch (verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "its certificate has expired";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "its certificate is not valid yet (is this machine's clock right?)";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "its certificate is made for another host";
        default:
            return std::string("its certificate is not trusted: ") +
                   X509_verify_cert_error_string(verdict) +
                   " (if it is your own, give the file of its CA: parley --ca FILE)";
    }
}

}  // namespace parley::asio
