#include "target.h"

#include "base/crypto.h"
#include "base/try.h"
#include "wire/frames.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstring>

namespace parley::bench {
namespace {

constexpr std::size_t kMostSources = 65'536;
// On Linux all of 127.0.0.0/8 is this machine.
constexpr const char* kLoopbackSources = "127.0.0.1-127.0.0.16";

Error usage(std::string what) {
    return make_error(ErrorCode::invalid_argument, std::move(what));
}

struct Url {
    bool secure = false;
    std::string host;
    std::string port;
    std::string host_and_port;  // as in the URL
};

Result<Url> parse_url(const std::string& text) {
    Url url;
    std::string_view rest = text;
    if (rest.starts_with("wss://")) {
        url.secure = true;
        rest.remove_prefix(6);
    } else if (rest.starts_with("ws://")) {
        rest.remove_prefix(5);
    } else {
        return unexpected(usage("--server '" + text + "' is no ws://HOST:PORT or wss://HOST:PORT"));
    }
    if (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    url.host_and_port = rest;
    const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
    if (bracket == std::string_view::npos) {
        return unexpected(usage("--server '" + text + "' has no ] after its IPv6 address"));
    }
    const std::size_t colon = rest.find(':', bracket);
    url.host = bracket > 0 ? rest.substr(1, bracket - 1) : rest.substr(0, colon);
    url.port = colon == std::string_view::npos ? (url.secure ? "443" : "80")
                                               : std::string(rest.substr(colon + 1));
    if (url.host.empty() || url.port.empty() ||
        rest.find_first_of("/ ?#@") != std::string_view::npos) {
        return unexpected(usage("--server '" + text + "' is no ws://HOST:PORT or wss://HOST:PORT"));
    }
    return url;
}

SocketAddress address_of(const addrinfo& found) {
    SocketAddress address;
    std::memcpy(&address.storage, found.ai_addr, found.ai_addrlen);
    address.size = found.ai_addrlen;
    return address;
}

// Which of several addresses of a name it is (localhost is ::1 and 127.0.0.1) is tried out once.
bool answers(const addrinfo& address) {
    const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    const timeval most{5, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    const bool answered = ::connect(fd, address.ai_addr, address.ai_addrlen) == 0;
    ::close(fd);
    return answered;
}

Result<SocketAddress> resolve(const Url& url) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found);
    if (code != 0) {
        return unexpected(usage("--server '" + url.host_and_port +
                                "' does not resolve: " + ::gai_strerror(code)));
    }
    SocketAddress address = address_of(*found);
    for (const addrinfo* one = found; found->ai_next != nullptr && one != nullptr;
         one = one->ai_next) {
        if (answers(*one)) {
            address = address_of(*one);
            break;
        }
    }
    ::freeaddrinfo(found);
    return address;
}

SocketAddress from_v4(std::uint32_t address) {
    SocketAddress result;
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(address);
    std::memcpy(&result.storage, &in, sizeof in);
    result.size = sizeof in;
    return result;
}

bool parse_v4(const std::string& text, std::uint32_t& address) {
    in_addr parsed{};
    const bool fits = ::inet_pton(AF_INET, text.c_str(), &parsed) == 1;
    address = ntohl(parsed.s_addr);
    return fits;
}

Result<void> add_source(const std::string& text, std::vector<SocketAddress>& sources) {
    const std::size_t dash = text.find('-');
    std::uint32_t first = 0, last = 0;
    if (parse_v4(text.substr(0, dash), first)) {
        if (dash == std::string::npos) {
            last = first;
        } else if (!parse_v4(text.substr(dash + 1), last) || last < first) {
            return unexpected(usage("--source '" + text +
                                    "' is no range of addresses such as 127.0.0.1-127.0.0.20"));
        }
        if (last - first >= kMostSources) {
            return unexpected(
                usage(fmt::format("--source '{}' is more than {} addresses", text, kMostSources)));
        }
        for (std::uint64_t one = first; one <= last; ++one) {
            sources.push_back(from_v4(static_cast<std::uint32_t>(one)));
        }
        return {};
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1) {
        return unexpected(usage("--source '" + text +
                                "' is no IP address, and no range such as "
                                "127.0.0.1-127.0.0.20"));
    }
    SocketAddress address;
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
    sources.push_back(address);
    return {};
}

bool is_v4_loopback(const SocketAddress& address) {
    sockaddr_in in{};
    std::memcpy(&in, &address.storage, sizeof in);
    return in.sin_family == AF_INET && ntohl(in.sin_addr.s_addr) >> 24 == 127;
}

bool is_of_this_machine(const SocketAddress& address) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    const bool is = ::bind(fd, address.get(), address.size) == 0;
    ::close(fd);
    return is;
}

}  // namespace

void drop_foreign(std::vector<SocketAddress>& addresses) {
    std::erase_if(addresses, [](const auto& one) { return !is_of_this_machine(one); });
}

void Target::FreeContext::operator()(ssl_ctx_st* context) const {
    ::SSL_CTX_free(context);
}

Target::Target(Target&&) noexcept = default;
Target& Target::operator=(Target&&) noexcept = default;
Target::~Target() = default;

Result<Target> Target::make(const std::string& url, const std::string& ca_file,
                            const std::vector<std::string>& sources) {
    PARLEY_TRY(const Url parsed, parse_url(url));
    Target target;
    target.host_ = parsed.host;
    PARLEY_TRY(target.address_, resolve(parsed));
    for (const std::string& source : sources) {
        PARLEY_CHECK(add_source(source, target.sources_));
    }
    for (const SocketAddress& source : target.sources_) {
        if (source.family() != target.address_.family()) {
            return unexpected(usage("--source and --server are not both IPv4 or both IPv6"));
        }
    }
    if (sources.empty() && is_v4_loopback(target.address_)) {
        PARLEY_CHECK(add_source(kLoopbackSources, target.sources_));
        drop_foreign(target.sources_);
    }
    // One key for all: it protects nothing here, and each answer is checked against it.
    target.upgrade_ = {parsed.host_and_port, "/v1/connect", base64_encode("parley-bench 123"),
                       std::string(wire::kProtoSubprotocol)};
    target.upgrade_text_ = websocket::make_upgrade_request(target.upgrade_);
    if (parsed.secure) {
        PARLEY_CHECK(target.make_tls(ca_file));
    } else if (!ca_file.empty()) {
        return unexpected(usage("--ca is for wss:// only"));
    }
    return target;
}

Result<void> Target::make_tls(const std::string& ca_file) {
    tls_.reset(::SSL_CTX_new(::TLS_client_method()));
    if (!tls_) {
        return unexpected(usage("--server is wss://, and OpenSSL offers no TLS"));
    }
    const int loaded = ca_file.empty() ? ::SSL_CTX_set_default_verify_paths(tls_.get())
                                       : ::SSL_CTX_load_verify_file(tls_.get(), ca_file.c_str());
    if (loaded != 1) {
        return unexpected(usage("--ca " + ca_file + " holds no certificates in PEM"));
    }
    ::SSL_CTX_set_verify(tls_.get(), SSL_VERIFY_PEER, nullptr);
    ::SSL_CTX_set_min_proto_version(tls_.get(), TLS1_2_VERSION);
    ::SSL_CTX_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    ::SSL_CTX_set_session_cache_mode(tls_.get(), SSL_SESS_CACHE_OFF);
    return {};
}

ssl_st* Target::secure(int fd) const {
    SSL* tls = ::SSL_new(tls_.get());
    if (tls == nullptr) {
        return nullptr;
    }
    ::SSL_set_fd(tls, fd);
    ::SSL_set_connect_state(tls);
    X509_VERIFY_PARAM* verify = ::SSL_get0_param(tls);
    if (::X509_VERIFY_PARAM_set1_ip_asc(verify, host_.c_str()) != 1) {
        ::ERR_clear_error();
        ::SSL_set1_host(tls, host_.c_str());
        ::SSL_set_tlsext_host_name(tls, host_.c_str());
    }
    return tls;
}

}  // namespace parley::bench
