#include "adapters/asio/dialer.h"

#include "adapters/asio/dial_attempt.h"
#include "adapters/asio/tls.h"
#include "adapters/asio/url.h"

#include <sys/stat.h>
#include <optional>
#include <utility>

namespace parley::asio {

namespace {

// Cancels its attempt when it goes.
class AsioDial final : public io::Dial {
  public:
    explicit AsioDial(std::shared_ptr<DialAttempt> attempt) : attempt_(std::move(attempt)) {}
    AsioDial(const AsioDial&) = delete;
    AsioDial& operator=(const AsioDial&) = delete;
    ~AsioDial() override { attempt_->cancel(); }

  private:
    std::shared_ptr<DialAttempt> attempt_;
};

// Which content a CA file has, as far as the file system tells.
struct FileStamp {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::int64_t size = 0;
    std::uint64_t inode = 0;

    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

FileStamp stamp_of(const std::string& file) {
    struct stat found{};
    if (file.empty() || ::stat(file.c_str(), &found) != 0) {
        return {};
    }
    return {found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_size, found.st_ino};
}

}  // namespace

// The TLS context of the last dial: reading certificates takes longer than a handshake.
struct AsioDialer::Shared {
    std::optional<std::string> ca_file;
    FileStamp stamp;
    TlsContext context;

    Result<TlsContext> context_for(const std::string& file) {
        const FileStamp now = stamp_of(file);
        if (ca_file != file || stamp != now) {
            auto made = make_client_context(file);
            if (!made) {
                return made;
            }
            context = std::move(made).value();
            ca_file = file;
            stamp = now;
        }
        return context;
    }
};

AsioDialer::AsioDialer(AsioLoop& loop) : loop_(loop), shared_(std::make_unique<Shared>()) {}

AsioDialer::~AsioDialer() = default;

std::unique_ptr<io::Dial> AsioDialer::dial(const io::DialTarget& target, Done done) {
    auto attempt = std::make_shared<DialAttempt>(loop_, target, std::move(done));
    Result<ServerUrl> url = parse_url(target.url);
    if (!url) {
        attempt->fail_later(url.error());
    } else if (!url->tls) {
        attempt->start(*url, nullptr);
    } else if (Result<TlsContext> context = shared_->context_for(target.ca_file); !context) {
        attempt->fail_later(context.error());
    } else {
        attempt->start(*url, *context);
    }
    return std::make_unique<AsioDial>(std::move(attempt));
}

void AsioDialer::network_changed() {
    // The next attempt reads the certificates again; names and addresses are never kept.
    shared_->ca_file.reset();
}

}  // namespace parley::asio
