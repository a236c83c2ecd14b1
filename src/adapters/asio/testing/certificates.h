#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace parley::asio::testing {

// What a certificate says.
struct CertificateOrder {
    std::vector<std::string> names;  // "DNS:localhost", "IP:127.0.0.1"
    long valid_from = -3600;         // seconds from now
    long valid_to = 3600;
};

// Makes certificates with P-256 keys in a folder of its own, which goes with it.
class CertificateAuthority {
  public:
    CertificateAuthority();
    CertificateAuthority(const CertificateAuthority&) = delete;
    CertificateAuthority& operator=(const CertificateAuthority&) = delete;
    ~CertificateAuthority();

    // The PEM file that clients are told to trust.
    std::string ca_file() const { return folder_ / "ca.pem"; }
    std::string folder() const { return folder_; }
    struct Files {
        std::string certificate;
        std::string key;
    };
    // Writes NAME.pem and NAME.key; a second time under the same name replaces them.
    Files issue(const std::string& name, const CertificateOrder& order);

  private:
    std::filesystem::path folder_;
    std::shared_ptr<evp_pkey_st> key_;
    std::shared_ptr<x509_st> certificate_;
    long serial_ = 1;
};

}  // namespace parley::asio::testing
