#include "check.h"

#include "adapters/asio/addresses.h"
#include "adapters/asio/entropy.h"
#include "adapters/asio/tls_server.h"
#include "application_files.h"
#include "certificate.h"
#include "data_folder.h"

#include <filesystem>
#include <system_error>

namespace parley::parleyd {
namespace {

class Look {
  public:
    Look(const Loaded& loaded, WallTime now) : loaded_(loaded), now_(now) {}

    Findings all() && {
        host("listen", settings().listen);
        if (settings().admin_listen) {
            host("admin.listen", *settings().admin_listen);
        }
        certificate();
        data();
        return std::move(findings_);
    }

  private:
    const Settings& settings() const { return loaded_.settings; }
    std::string about(std::string_view key, const std::string& what) const {
        return name_of_key(key, loaded_.where) + ": " + what;
    }
    void mistake(std::string_view key, const std::string& what) {
        findings_.mistakes.push_back(about(key, what));
    }

    void host(std::string_view key, const Address& address) {
        const auto found = asio::resolve_now(address.host, address.port, true);
        if (!found) {
            mistake(key, found.error().description +
                             "; write an address of this machine, or a name that it has");
        }
    }

    void certificate() {
        if (settings().tls_cert.empty()) {
            return;
        }
        const auto tls = asio::TlsServer::load(settings().tls_cert, settings().tls_key);
        if (!tls) {
            const std::string& what = tls.error().description;
            return mistake(what.starts_with(settings().tls_key + ": ") ? "tls.key" : "tls.cert",
                           what);
        }
        const asio::CertificateValidity validity = (*tls)->validity();
        const auto warning = certificate_warning(settings().tls_cert, validity, now_);
        if (warning && is_valid_at(validity, now_)) {
            findings_.notes.push_back(about("tls.cert", *warning));
        } else if (warning) {
            mistake("tls.cert", *warning);
        }
    }

    void data() {
        std::error_code ignored;
        const std::string& folder = settings().data;
        if (!std::filesystem::exists(folder, ignored)) {
            return;
        }
        if (!std::filesystem::is_directory(folder, ignored)) {
            return mistake("data", folder + " is no folder; name the data folder");
        }
        if (!std::filesystem::exists(DataFolder::application_file_in(folder), ignored)) {
            return;
        }
        asio::SystemEntropy entropy;
        const auto read = ApplicationFiles(folder, settings().node.issuer_prefix, entropy).reload();
        if (!read) {
            mistake("data", read.error().description);
        }
    }

    const Loaded& loaded_;
    const WallTime now_;
    Findings findings_;
};

}  // namespace

Findings look_around(const Loaded& loaded, WallTime now) {
    return Look(loaded, now).all();
}

}  // namespace parley::parleyd
