#include "client/link.h"

#include <utility>

namespace parley::client {

void Link::open(const io::DialTarget& target, wire::Hello hello) {
    drop();
    dialing_ = true;
    dial_ = dialer_.dial(target, [this, hello = std::move(hello)](
                                     Result<std::unique_ptr<io::Channel>> channel) mutable {
        opened(std::move(channel), std::move(hello));
    });
}

void Link::opened(Result<std::unique_ptr<io::Channel>> channel, wire::Hello hello) {
    dialing_ = false;
    if (!channel) {
        owner_.link_failed(channel.error());
    } else {
        channel_ = std::move(*channel);
        channel_->start(*this);
        session_ = std::make_unique<protocol::ClientSession>(std::move(hello), loop_.now());
    }
    owner_.link_wake();
}

void Link::drop() {
    dial_.reset();
    dialing_ = false;
    session_.reset();
    channel_.reset();
    closing_ = false;
    over_ = false;
}

bool Link::close() {
    if (channel_ == nullptr || session_ == nullptr || over_) {
        drop();
        return false;
    }
    session_->transmit(*channel_);
    session_.reset();
    closing_ = true;
    channel_->close(io::close_code::kNormal, "");
    return true;
}

void Link::transmit() {
    if (session_ != nullptr && !over_) {
        session_->transmit(*channel_);
    }
}

std::optional<Instant> Link::deadline() const {
    return session_ != nullptr ? session_->deadline() : std::nullopt;
}

void Link::tick() {
    if (session_ != nullptr) {
        session_->tick(loop_.now());
        drain();
    }
}

void Link::probe() {
    if (session_ != nullptr) {
        session_->probe(loop_.now());
        drain();
    }
}

void Link::on_message(BytesView message) {
    if (session_ == nullptr) {
        return;
    }
    // An error is told by Ended too.
    (void)session_->receive(message, loop_.now());
    drain();
    owner_.link_wake();
}

void Link::on_alive() {
    if (session_ != nullptr) {
        session_->alive(loop_.now());
        owner_.link_wake();
    }
}

void Link::on_room() {
    owner_.link_wake();
}

void Link::on_end(const io::ChannelEnd& end) {
    over_ = true;
    if (session_ != nullptr) {
        session_->closed(end.code, end.reason);
        drain();
    }
    if (std::exchange(closing_, false)) {
        channel_.reset();
        owner_.link_closed();
    }
    owner_.link_wake();
}

void Link::drain() {
    while (session_ != nullptr) {
        auto output = session_->next_output();
        if (!output) {
            return;
        }
        owner_.link_output(std::move(*output));
    }
}

}  // namespace parley::client
