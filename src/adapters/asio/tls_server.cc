#include "adapters/asio/tls_server.h"

#include "adapters/asio/tls.h"
#include "base/try.h"

#include <mutex>
#include <utility>

namespace parley::asio {

struct TlsServer::State {
    std::string certificate_file;
    std::string key_file;
    // Guards `context`, which reload() replaces while the loops' threads take it for new
    // connections. Only the pointer is copied while it is held.
    mutable std::mutex mutex;
    TlsContext context;
};

TlsServer::TlsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsServer::~TlsServer() = default;

Result<std::shared_ptr<TlsServer>> TlsServer::load(std::string certificate_file,
                                                   std::string key_file) {
    PARLEY_TRY(TlsContext context, make_server_context(certificate_file, key_file));
    auto state = std::make_unique<State>();
    state->certificate_file = std::move(certificate_file);
    state->key_file = std::move(key_file);
    state->context = std::move(context);
    return std::shared_ptr<TlsServer>(new TlsServer(std::move(state)));
}

Result<void> TlsServer::reload(const Judge& judge) {
    PARLEY_TRY(TlsContext context, make_server_context(state_->certificate_file, state_->key_file));
    if (judge) {
        PARLEY_CHECK(judge(validity_of(context)));
    }
    const std::lock_guard lock(state_->mutex);
    state_->context.swap(context);
    return {};
}

CertificateValidity TlsServer::validity() const {
    return validity_of(context());
}

std::shared_ptr<ssl_ctx_st> TlsServer::context() const {
    const std::lock_guard lock(state_->mutex);
    return state_->context;
}

}  // namespace parley::asio
