#include "fake_server.h"

#include "base/assert.h"
#include "protocol/token.h"
#include "wire/websocket/handshake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace parley::bench {
namespace {

const websocket::DecoderOptions kOptions;
constexpr std::size_t kEventsPerFrame = 50;
constexpr std::size_t kBytesPerWrite = 1000;
constexpr std::string_view kPing = "are you there?";

}  // namespace

FakeServer::FakeServer(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    PARLEY_ASSERT(::bind(listener_, any, size) == 0 && ::listen(listener_, 1024) == 0 &&
                  ::getsockname(listener_, any, &size) == 0);
    port_ = ntohs(address.sin_port);
    stop_ = ::eventfd(0, EFD_CLOEXEC);
    thread_ = std::thread([this] { run(); });
}

FakeServer::~FakeServer() {
    const std::uint64_t one = 1;
    PARLEY_ASSERT(::write(stop_, &one, sizeof one) == sizeof one);
    thread_.join();
    for (auto& [fd, peer] : peers_) {
        ::close(fd);
    }
    ::close(listener_);
    ::close(stop_);
}

void FakeServer::run() {
    for (;;) {
        std::vector<pollfd> wanted = {{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& [fd, peer] : peers_) {
            wanted.push_back({fd, POLLIN, 0});
        }
        ::poll(wanted.data(), wanted.size(), -1);
        if (wanted[0].revents != 0) {
            return;
        }
        accept_all();
        for (std::size_t i = 2; i < wanted.size(); ++i) {
            if (wanted[i].revents != 0 && !read(peers_.at(wanted[i].fd))) {
                ::close(wanted[i].fd);
                peers_.erase(wanted[i].fd);
            }
        }
        for (auto& [fd, peer] : peers_) {
            tell(peer);
        }
    }
}

void FakeServer::accept_all() {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* const any = reinterpret_cast<sockaddr*>(&from);
    for (int fd = 0; (fd = ::accept4(listener_, any, &size, SOCK_CLOEXEC)) >= 0;) {
        came_from_.insert(from.sin_addr.s_addr);
        addresses_ = came_from_.size();
        const int yes = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        peers_[fd].fd = fd;
        peers_[fd].decoder = std::make_unique<websocket::Decoder>(kOptions);
    }
}

bool FakeServer::read(Peer& peer) {
    std::string bytes(64 * 1024, '\0');
    const ssize_t count = ::recv(peer.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count <= 0) {
        return count < 0 && errno == EAGAIN;
    }
    bytes.resize(static_cast<std::size_t>(count));
    if (peer.upgraded) {
        take(peer, std::move(bytes));
    } else {
        peer.head += bytes;
        upgrade(peer);
    }
    return true;
}

void FakeServer::upgrade(Peer& peer) {
    constexpr std::string_view kKey = "Sec-WebSocket-Key: ";
    if (!peer.head.ends_with("\r\n\r\n")) {
        return;
    }
    const std::size_t at = peer.head.find(kKey) + kKey.size();
    const std::string answer = websocket::make_upgrade_response(
        peer.head.substr(at, peer.head.find('\r', at) - at), wire::kProtoSubprotocol);
    PARLEY_ASSERT(::send(peer.fd, answer.data(), answer.size(), MSG_NOSIGNAL) > 0);
    peer.upgraded = true;
}

void FakeServer::take(Peer& peer, std::string bytes) {
    peer.decoder->feed(std::as_writable_bytes(std::span(bytes)));
    while (auto event = peer.decoder->next()) {
        if (const auto* pong = std::get_if<websocket::Decoder::Pong>(&*event)) {
            PARLEY_ASSERT(as_text(pong->bytes) == kPing);
            welcome(peer);
            continue;
        }
        const auto* message = std::get_if<websocket::Decoder::Message>(&*event);
        PARLEY_ASSERT(message != nullptr);
        const auto frame = wire::decode_client_frame(message->bytes);
        PARLEY_ASSERT(frame);
        take(peer, *frame);
    }
}

void FakeServer::take(Peer& peer, const wire::ClientFrame& frame) {
    if (const auto* hello = std::get_if<wire::Hello>(&frame)) {
        peer.user = protocol::read_token(hello->token).value().user.value();
        said_hello_.insert(peer.user);
        users_ = said_hello_.size();
        peer.cursor = hello->cursor ? hello->cursor->sequence : Sequence();
        Bytes ping;
        websocket::append_frame(ping, websocket::Opcode::ping, as_bytes(kPing), std::nullopt);
        write(peer, ping);
    } else if (const auto* sub = std::get_if<wire::Submit>(&frame)) {
        submit(peer, *sub);
    } else if (const auto* ack = std::get_if<wire::Ack>(&frame)) {
        PARLEY_ASSERT(ack->sequence > peer.acknowledged);
        peer.acknowledged = ack->sequence;
        acknowledge(peer, ack->sequence);
    }
}

void FakeServer::welcome(Peer& peer) {
    ++hellos_;
    const auto& events = mailboxes_[peer.user].events;
    wire::Welcome welcome;
    welcome.user_id = UserId(peer.user);
    welcome.head = {Epoch("epoch"), events.empty() ? Sequence() : events.back().sequence};
    send(peer, welcome);
    peer.welcomed = true;
    peer.told = static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(),
                      [&](const auto& event) { return event.sequence <= peer.cursor; }));
}

void FakeServer::submit(Peer& peer, const wire::Submit& submit) {
    const std::size_t number = ++submissions_;
    if (behaviour_.on_submission) {
        behaviour_.on_submission(number);
    }
    if (number == behaviour_.stall_at) {
        std::this_thread::sleep_for(behaviour_.stall);
    }
    if (behaviour_.mute_from != 0 && number >= behaviour_.mute_from) {
        return;
    }
    wire::SubmitResult result;
    result.message_id = submit.message.message_id;
    if (number == behaviour_.refuse_at) {
        result.error = make_error(ErrorCode::refused_by_policy, "not today");
        return send(peer, result);
    }
    wire::Message message = submit.message;
    message.sender_id = UserId(peer.user);
    for (const UserId& recipient : message.recipient_ids) {
        result.recipients.push_back({recipient, false, std::nullopt, 1});
        append(recipient.value(), wire::Incoming{message});
    }
    append(peer.user, wire::Sent{message, message.recipient_ids, DeviceId("d"),
                                 std::vector<std::int64_t>(message.recipient_ids.size(), 1)});
    send(peer, result);
}

void FakeServer::acknowledge(Peer& peer, Sequence upto) {
    Mailbox& mailbox = mailboxes_[peer.user];
    for (const wire::Event& event : mailbox.events) {
        const auto* incoming = std::get_if<wire::Incoming>(&event.kind);
        if (incoming != nullptr && event.sequence > mailbox.receipted && event.sequence <= upto) {
            append(
                incoming->message.sender_id.value(),
                wire::Delivered{incoming->message.message_id, UserId(peer.user), ChainKey("k"), 1});
        }
    }
    mailbox.receipted = std::max(mailbox.receipted, upto);
}

void FakeServer::append(const std::string& user, decltype(wire::Event::kind) kind) {
    mailboxes_[user].events.push_back({Sequence(++sequence_), 1, std::move(kind)});
}

void FakeServer::tell(Peer& peer) {
    if (!peer.welcomed) {
        return;
    }
    const auto& all = mailboxes_[peer.user].events;
    while (peer.told < all.size()) {
        const std::size_t count = std::min(all.size() - peer.told, kEventsPerFrame);
        wire::Events events;
        const auto first = all.begin() + static_cast<std::ptrdiff_t>(peer.told);
        events.events.assign(first, first + static_cast<std::ptrdiff_t>(count));
        events.through = events.events.back().sequence;
        peer.told += count;
        send(peer, events);
    }
}

void FakeServer::send(Peer& peer, const wire::ServerFrame& frame) {
    Bytes out;
    websocket::append_frame(out, websocket::Opcode::binary, as_bytes(wire::encode(frame)),
                            std::nullopt);
    write(peer, out);
}

void FakeServer::write(Peer& peer, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count =
            ::send(peer.fd, bytes.data(), std::min(bytes.size(), kBytesPerWrite), MSG_NOSIGNAL);
        if (count <= 0) {
            return;  // the peer has gone; reading says so
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

}  // namespace parley::bench
