// Many connections on one loop, plain and TLS, under random acts from a seed: what is received is
// always a beginning of what was sent, all of it if nobody interfered, and everything can be
// destroyed at any moment (the sanitizers look on).
#include "adapters/asio/testing/certificates.h"
#include "adapters/asio/testing/loopback.h"
#include "base/random.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace parley::asio {
namespace {

using testing::CertificateAuthority;
using testing::Dialed;
using testing::Peer;
using testing::run_until;
using testing::Server;

std::string message_of(std::size_t number, std::size_t size) {
    return std::to_string(number) + ":" + std::string(size, 'x');
}

std::size_t number_of(const std::string& message) {
    return std::stoul(message.substr(0, message.find(':')));
}

class Stress {
  public:
    Stress(std::uint64_t seed, AsioLoop& loop, std::shared_ptr<TlsServer> tls, std::string ca_file)
        : random_(seed),
          loop_(loop),
          server_(loop, [&](ListenOptions& options) { options.tls = tls; }),
          dialer_(loop),
          scheme_(tls ? "wss" : "ws"),
          ca_file_(std::move(ca_file)) {}

    void act() {
        const std::uint64_t what = random_.below(100);
        if (what < 10) {
            begin_dial();
        } else if (what < 12 && !dials_.empty()) {
            dials_.erase(dials_.begin() + static_cast<long>(random_.below(dials_.size())));
        } else if (what < 70) {
            send_something();
        } else if (what < 85) {
            if (Peer* peer = any_peer()) {
                peer->channel->pause_reading(random_.chance(0.3));
            }
        } else if (what < 88) {
            if (Peer* peer = any_peer()) {
                peer->channel->ping();
            }
        } else if (what < 90) {
            if (Peer* peer = any_peer()) {
                peer->channel->close(io::close_code::kNormal, "stress");
            }
        } else if (what < 92) {
            if (Peer* peer = any_peer()) {
                peer->channel.reset();
            }
        } else {
            loop_.run_turn(AsioLoop::Wait::no);
        }
    }

    // Each side has heard the numbers 0, 1, 2, ... without a gap.
    void check() const {
        for (const auto* peers : {&clients_, &server_.peers}) {
            for (const auto& peer : *peers) {
                for (std::size_t i = 0; i < peer->messages.size(); ++i) {
                    ASSERT_EQ(number_of(peer->messages[i]), i);
                }
            }
        }
    }

  private:
    void begin_dial() {
        if (clients_.size() > 20) {
            return;
        }
        io::DialTarget target = testing::target_of(server_.url(scheme_));
        target.ca_file = ca_file_;
        dials_.push_back(dialer_.dial(target, [this](Dialed dialed) {
            ASSERT_TRUE(dialed) << dialed.error().description;
            clients_.push_back(std::make_unique<Peer>(std::move(dialed).value()));
        }));
    }
    void send_something() {
        Peer* const peer = any_peer();
        if (peer == nullptr) {
            return;
        }
        std::size_t& next = sent_[peer];
        const std::uint64_t count = random_.below(20);
        for (std::uint64_t i = 0; i < count && peer->channel->has_room(); ++i) {
            const std::size_t size = random_.below(random_.chance(0.1) ? 200000 : 300);
            testing::send(*peer->channel, message_of(next++, size));
        }
    }
    Peer* any_peer() {
        const auto& peers = random_.chance(0.5) ? clients_ : server_.peers;
        if (peers.empty()) {
            return nullptr;
        }
        Peer* const peer = peers[random_.below(peers.size())].get();
        return peer->channel && !peer->end ? peer : nullptr;
    }

    Random random_;
    AsioLoop& loop_;
    Server server_;
    AsioDialer dialer_;
    std::string scheme_;
    std::string ca_file_;
    std::vector<std::unique_ptr<io::Dial>> dials_;
    std::vector<std::unique_ptr<Peer>> clients_;
    std::map<const Peer*, std::size_t> sent_;
};

void run_seeds(std::uint64_t seeds, int acts, const std::shared_ptr<TlsServer>& tls,
               const std::string& ca_file) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        AsioLoop loop;
        Stress stress(seed, loop, tls, ca_file);
        for (int i = 0; i < acts; ++i) {
            stress.act();
        }
        stress.check();
        // Here all goes at once, with everything under way.
    }
}

TEST(ChannelStress, PlainConnectionsKeepOrderAndMayGoAtAnyMoment) {
    run_seeds(12, 600, nullptr, "");
}

TEST(ChannelStress, TlsConnectionsKeepOrderAndMayGoAtAnyMoment) {
    CertificateAuthority authority;
    const auto files = authority.issue("server", {{"IP:127.0.0.1"}});
    const auto tls = TlsServer::load(files.certificate, files.key);
    ASSERT_TRUE(tls);
    run_seeds(5, 500, *tls, authority.ca_file());
}

// The same, but nobody closes: then everything that was sent arrives.
TEST(ChannelStress, WithRandomPausesEverythingArrives) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random(seed);
        AsioLoop loop;
        Server server(loop);
        testing::Pair pair = testing::connect(server);
        Peer* const peers[2] = {pair.client.get(), pair.server};
        std::size_t sent[2] = {0, 0};
        constexpr std::size_t count = 400;
        const auto received_all = [&] {
            return peers[0]->messages.size() == count && peers[1]->messages.size() == count;
        };
        ASSERT_TRUE(run_until(loop, [&] {
            for (int i = 0; i < 2; ++i) {
                while (sent[i] < count && random.chance(0.9) && peers[i]->channel->has_room()) {
                    const std::size_t size = random.below(random.chance(0.1) ? 300000 : 500);
                    testing::send(*peers[i]->channel, message_of(sent[i]++, size));
                }
                peers[i]->channel->pause_reading(random.chance(0.4));
            }
            loop.post([] {});
            return received_all();
        }));
        for (const Peer* peer : peers) {
            for (std::size_t i = 0; i < count; ++i) {
                ASSERT_EQ(number_of(peer->messages[i]), i);
            }
        }
    }
}

}  // namespace
}  // namespace parley::asio
