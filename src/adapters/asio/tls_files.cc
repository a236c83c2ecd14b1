#include "adapters/asio/tls_files.h"

#include "adapters/asio/unique_fd.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace parley::asio {
namespace {

// Enough for any chain; what stands further down is not looked for.
constexpr std::size_t kMostRead = 1024 * 1024;

std::string_view name_of(Pem wanted) {
    switch (wanted) {
        case Pem::certificate:
            return "certificate";
        case Pem::private_key:
            return "private key";
        case Pem::authorities:
            return "certificate of a CA";
    }
    return "";
}

std::string unreadable(Pem wanted, int reason) {
    const std::string name(name_of(wanted));
    switch (reason) {
        case ENOENT:
        case ENOTDIR:
            return "there is no such file; put the " + name +
                   " there, or name the file that has it";
        case EACCES:
        case EPERM:
            return "the user that this process runs as may not read it; give that user the right "
                   "to read the file and to enter its folders";
        case EISDIR:
            return "is a folder; name the file in it that has the " + name;
        default:
            return "cannot be read: " + std::generic_category().message(reason);
    }
}

// The beginning of the file, or 0 and what is wrong in errno.
bool read_start(const std::string& file, std::string& content) {
    const UniqueFd descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (descriptor.get() < 0) {
        return false;
    }
    char block[16 * 1024];
    while (content.size() < kMostRead) {
        const ssize_t count = ::read(descriptor.get(), block, sizeof block);
        if (count <= 0) {
            return count == 0;
        }
        content.append(block, static_cast<std::size_t>(count));
    }
    return true;
}

std::string no_key(const std::string& content) {
    const auto has = [&](std::string_view part) { return content.find(part) != std::string::npos; };
    if (!has(" PRIVATE KEY-----")) {
        return has("-----BEGIN CERTIFICATE-----")
                   ? "holds a certificate and no private key; are the two files swapped?"
                   : "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----); one in DER "
                     "form is converted by openssl pkey -inform der";
    }
    if (has("ENCRYPTED")) {
        return "the private key is locked with a passphrase, which nobody can type when a server "
               "starts; openssl pkey -in LOCKED -out FILE unlocks it";
    }
    return "the private key in it is damaged or of an unknown kind; copy the file again";
}

std::string no_certificate(Pem wanted, const std::string& content) {
    const auto has = [&](std::string_view part) { return content.find(part) != std::string::npos; };
    if (has("-----BEGIN CERTIFICATE-----") || has("-----BEGIN TRUSTED CERTIFICATE-----")) {
        return "a certificate in it is damaged; copy the file again";
    }
    if (has(" PRIVATE KEY-----")) {
        return wanted == Pem::certificate
                   ? "holds a private key and no certificate; are the two files swapped?"
                   : "holds a private key and no certificate";
    }
    return "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----); one in DER form is "
           "converted by openssl x509 -inform der";
}

// Of what was read well and is not to be used all the same.
std::string refused(unsigned long code) {
    switch (ERR_GET_REASON(code)) {
        case SSL_R_EE_KEY_TOO_SMALL:
        case SSL_R_CA_KEY_TOO_SMALL:
            return "its key is too short to be safe; make a new one (ECDSA P-256, or RSA with at "
                   "least 2048 bits) and get a certificate for it";
        case SSL_R_CA_MD_TOO_WEAK:
            return "it is signed with a hash that is not safe any more; get a new certificate";
        default:
            return "";
    }
}

}  // namespace

Error pem_error(Pem wanted, const std::string& file) {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const auto told = [&](const std::string& words) {
        return make_error(ErrorCode::invalid_argument, file + ": " + words);
    };
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
        if (const std::string words = refused(code); !words.empty()) {
            return told(words);
        }
    }
    std::string content;
    if (!read_start(file, content)) {
        return told(unreadable(wanted, errno));
    }
    return told(wanted == Pem::private_key ? no_key(content) : no_certificate(wanted, content));
}

bool is_key_mismatch() {
    const unsigned long code = ERR_peek_last_error();
    const int reason = ERR_GET_REASON(code);
    return ERR_GET_LIB(code) == ERR_LIB_X509 &&
           (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH);
}

}  // namespace parley::asio
