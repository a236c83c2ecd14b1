#include "adapters/asio/testing/certificates.h"

#include "base/assert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>

namespace parley::asio::testing {

namespace {

std::shared_ptr<EVP_PKEY> make_key() {
    char curve[] = "P-256";  // Taken as a pointer to char that is not const.
    return {EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve), EVP_PKEY_free};
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    PARLEY_ASSERT(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

std::shared_ptr<X509> make_certificate(const std::string& name, EVP_PKEY* key, long serial,
                                       long from, long to) {
    std::shared_ptr<X509> certificate(X509_new(), X509_free);
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to);
    X509_set_pubkey(certificate.get(), key);
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC, text,
                               -1, -1, 0);
    return certificate;
}

void write_pem(const std::string& path, X509* certificate, EVP_PKEY* key) {
    BIO* const file = BIO_new_file(path.c_str(), "w");
    PARLEY_ASSERT(file != nullptr);
    if (certificate != nullptr) {
        PEM_write_bio_X509(file, certificate);
    }
    if (key != nullptr) {
        PEM_write_bio_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    }
    BIO_free(file);
}

}  // namespace

CertificateAuthority::CertificateAuthority() : key_(make_key()) {
    std::string pattern = std::filesystem::temp_directory_path() / "parley-certificates-XXXXXX";
    PARLEY_ASSERT(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    certificate_ = make_certificate("Test CA " + pattern, key_.get(), serial_++, -7200, 7200);
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
    add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints,
                  "critical,CA:TRUE");
    add_extension(certificate_.get(), certificate_.get(), NID_key_usage,
                  "critical,keyCertSign,cRLSign");
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
    write_pem(ca_file(), certificate_.get(), nullptr);
}

CertificateAuthority::~CertificateAuthority() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

CertificateAuthority::Files CertificateAuthority::issue(const std::string& name,
                                                        const CertificateOrder& order) {
    const auto key = make_key();
    const auto certificate =
        make_certificate(name, key.get(), serial_++, order.valid_from, order.valid_to);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
    std::string names;
    for (const std::string& alternative : order.names) {
        names += (names.empty() ? "" : ",") + alternative;
    }
    add_extension(certificate.get(), certificate_.get(), NID_subject_alt_name, names);
    X509_sign(certificate.get(), key_.get(), EVP_sha256());
    const Files files{folder_ / (name + ".pem"), folder_ / (name + ".key")};
    write_pem(files.certificate, certificate.get(), nullptr);
    write_pem(files.key, nullptr, key.get());
    return files;
}

}  // namespace parley::asio::testing
