#include "check.h"

#include "adapters/asio/entropy.h"
#include "adapters/asio/listening_socket.h"
#include "application_files.h"
#include "certificate.h"
#include "data_folder.h"
#include "files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace parley::parleyd {
namespace {

// From errno.
std::string reason(std::string_view what, const std::string& path) {
    const bool is_forbidden = errno == EACCES || errno == EPERM;
    return file_error(what, path).description +
           (is_forbidden ? "; give it to the user that the server runs as, and check as that user"
                         : "; name another data folder, or mend this one");
}

// Why a start could not make the folder, which is not there. Only trying tells: a folder of another
// name is made where the first one would be, and is gone again.
std::optional<std::string> cannot_make(const std::string& folder) {
    std::filesystem::path above = folder;
    struct stat found{};
    while (::lstat(above.c_str(), &found) != 0 && errno == ENOENT && above.has_relative_path()) {
        above = above.parent_path();
        above = above.empty() ? "." : above;
    }
    if (::stat(above.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
        return above.string() + " is no folder; name the data folder";
    }
    std::string trial = (above / ".parleyd-check-XXXXXX").string();
    if (::mkdtemp(trial.data()) == nullptr) {
        return reason("no folder can be made in " + above.string(), folder);
    }
    ::rmdir(trial.c_str());
    return std::nullopt;
}

class Look {
  public:
    Look(const Loaded& loaded, WallTime now) : loaded_(loaded), now_(now) {}

    Findings all() && {
        if (!loaded_.is_file_read) {
            return {};
        }
        if (is_meant("listen")) {
            host("listen", settings().listen);
        }
        if (settings().admin_listen && is_meant("admin.listen")) {
            host("admin.listen", *settings().admin_listen);
        }
        if (is_meant("tls.cert") && is_meant("tls.key")) {
            certificate();
        }
        if (is_meant("data")) {
            data();
        }
        return std::move(findings_);
    }

  private:
    const Settings& settings() const { return loaded_.settings; }
    bool is_meant(std::string_view key) const {
        return !loaded_.refused.contains(std::string(key));
    }
    std::string about(std::string_view key, const std::string& what) const {
        return name_of_key(key, loaded_.where) + ": " + what;
    }
    void mistake(std::string_view key, const std::string& what) {
        findings_.mistakes.push_back(about(key, what));
    }

    void host(std::string_view key, const Address& address) {
        if (const auto can = asio::can_listen(address.host); !can) {
            mistake(key, can.error().description +
                             "; write an address of this machine, or a name that it has");
        }
    }

    void certificate() {
        if (settings().tls_cert.empty() || settings().tls_key.empty()) {
            return;
        }
        const auto tls = load_tls(settings(), loaded_.where);
        if (!tls) {
            findings_.mistakes.push_back(tls.error().description);
            return;
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
        const std::string& folder = settings().data;
        struct stat found{};
        if (::stat(folder.c_str(), &found) == 0) {
            if (!S_ISDIR(found.st_mode)) {
                return mistake("data", folder + " is no folder; name the data folder");
            }
            return data_in(folder);
        }
        if (errno != ENOENT) {
            return mistake("data", reason("cannot be looked into", folder));
        }
        if (const auto cannot = cannot_make(folder)) {
            mistake("data", *cannot);
        }
    }

    // Whatever would end a start before it opens the store.
    void data_in(const std::string& folder) {
        if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
            return mistake("data", reason("cannot be read and written", folder));
        }
        for (const std::string& inner :
             {DataFolder::lock_in(folder), DataFolder::store_in(folder)}) {
            if (::access(inner.c_str(), R_OK | W_OK) != 0 && errno != ENOENT) {
                mistake("data", reason("cannot be read and written", inner));
            }
        }
        if (const auto restored = DataFolder::check_restored(folder); !restored) {
            return mistake("data", restored.error().description);
        }
        asio::SystemEntropy entropy;
        const ApplicationFiles files(folder, settings().node.issuer_prefix, entropy);
        if (const auto good = files.check(); !good) {
            mistake("data", good.error().description);
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
