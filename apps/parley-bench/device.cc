#include "device.h"

#include <utility>

namespace parley::bench {

Device::Device(io::Loop& loop, io::Dialer& dialer, io::DialTarget target, UserId user,
               DeviceId device, Hooks hooks)
    : loop_(loop),
      dialer_(dialer),
      target_(std::move(target)),
      user_(std::move(user)),
      device_(std::move(device)),
      hooks_(std::move(hooks)) {}

void Device::connect(std::string token, bool skip_history) {
    token_ = std::move(token);
    skip_history_ = skip_history;
    dial_ = dialer_.dial(target_, [this](auto channel) { opened(std::move(channel)); });
}

void Device::opened(Result<std::unique_ptr<io::Channel>> channel) {
    dial_.reset();
    if (!channel) {
        return ended(channel.error().description);
    }
    channel_ = std::move(*channel);
    wire::Hello hello;
    hello.token = token_;
    hello.device_id = device_;
    hello.cursor = cursor_;
    hello.supports_messaging = true;
    hello.sdk = "parley-bench";
    session_ = std::make_unique<protocol::ClientSession>(std::move(hello), loop_.now());
    channel_->start(*this);
    pump();
}

void Device::submit(const wire::Submit& submit) {
    if (!session_) {
        return;
    }
    session_->submit(submit);
    transmit_at_turn_end();
}

void Device::drop() {
    welcomed_ = false;
    timer_.reset();
    dial_.reset();
    session_.reset();
    channel_.reset();
}

void Device::on_message(BytesView message) {
    if (!session_) {
        return;
    }
    const auto received = session_->receive(message, loop_.now());
    if (!received) {
        return ended(received.error().description);
    }
    pump();
}

void Device::on_alive() {
    if (session_) {
        session_->alive(loop_.now());
    }
}

void Device::on_room() {
    transmit_at_turn_end();
}

void Device::on_end(const io::ChannelEnd& end) {
    ended("the connection ended with code " + std::to_string(end.code) + " " + end.reason);
}

void Device::welcomed(const wire::Welcome& welcome) {
    epoch_ = welcome.head.epoch;
    welcomed_ = true;
    if (skip_history_) {
        skip_until_ = welcome.head.sequence;
    }
    if (hooks_.on_welcome) {
        hooks_.on_welcome();
    }
}

void Device::received(const wire::Events& events) {
    for (const wire::Event& event : events.events) {
        if (event.sequence <= skip_until_) {
            continue;
        }
        if (const auto* incoming = std::get_if<wire::Incoming>(&event.kind)) {
            if (hooks_.on_incoming) {
                hooks_.on_incoming(incoming->message);
            }
        } else if (const auto* delivered = std::get_if<wire::Delivered>(&event.kind)) {
            if (hooks_.on_delivered) {
                hooks_.on_delivered(*delivered);
            }
        }
    }
    if (!session_) {
        return;
    }
    cursor_ = Cursor{epoch_, events.through};
    session_->acknowledge(events.through);
}

void Device::ended(const std::string& why) {
    drop();
    if (hooks_.on_end) {
        hooks_.on_end(why);
    }
}

void Device::pump() {
    while (session_) {
        auto output = session_->next_output();
        if (!output) {
            break;
        }
        if (const auto* welcome = std::get_if<protocol::ClientSession::Welcomed>(&*output)) {
            welcomed(welcome->welcome);
        } else if (const auto* answered =
                       std::get_if<protocol::ClientSession::Answered>(&*output)) {
            if (hooks_.on_result) {
                hooks_.on_result(answered->result);
            }
        } else if (const auto* events = std::get_if<protocol::ClientSession::Received>(&*output)) {
            received(events->events);
        } else if (const auto* end = std::get_if<protocol::ClientSession::Ended>(&*output)) {
            return ended(end->error.description);
        }
    }
    transmit_at_turn_end();
}

void Device::transmit_at_turn_end() {
    if (transmit_due_) {
        return;
    }
    transmit_due_ = true;
    loop_.at_turn_end([this] {
        transmit_due_ = false;
        if (!session_ || !channel_) {
            return;
        }
        session_->transmit(*channel_);
        const auto deadline = session_->deadline();
        timer_.reset();
        if (!deadline) {
            return;
        }
        timer_ = loop_.call_at(*deadline, [this] {
            if (!session_) {
                return;
            }
            session_->tick(loop_.now());
            pump();
        });
    });
}

}  // namespace parley::bench
