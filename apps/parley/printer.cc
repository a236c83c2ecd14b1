#include "printer.h"

#include "output.h"
#include "text.h"

#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

namespace parley::cli {
namespace {

// Keeps the order in which docs/cli.md shows the members.
using Json = nlohmann::ordered_json;

class JsonPrinter final : public Printer {
  public:
    void started(const Client& client) override {
        write({{"event", "started"},
               {"user_id", client.user_id()},
               {"device_id", client.device_id()}});
    }
    void queued(const OutgoingMessage& message) override {
        write({{"event", "queued"}, {"message_id", message.message_id()}});
    }
    void sent(const Message& message, const std::string& recipient_id) override {
        Json line = {{"event", "sent"},
                     {"message_id", message.message_id()},
                     {"recipient_id", recipient_id}};
        if (message.timestamp()) {
            line["timestamp"] = format_timestamp(*message.timestamp());
        }
        line["text"] = message.text();
        write(line);
    }
    void delivered(const MessageDeliveryInfo& info) override {
        write({{"event", "delivered"},
               {"message_id", info.message_id},
               {"recipient_id", info.recipient_id},
               {"timestamp", format_timestamp(info.timestamp)}});
    }
    void failed(const Message&, const std::vector<MessageFailureInfo>& failures) override {
        for (const MessageFailureInfo& failure : failures) {
            write({{"event", "failed"},
                   {"message_id", failure.message_id},
                   {"recipient_id", failure.recipient_id},
                   {"error",
                    {{"domain", std::string(to_string(failure.error.domain))},
                     {"code", static_cast<int>(failure.error.code)},
                     {"description", failure.error.description}}}});
        }
    }
    void incoming(const Message& message) override {
        Json line = {{"event", "incoming"},
                     {"message_id", message.message_id()},
                     {"sender_id", message.sender_id()},
                     {"recipient_ids", message.recipient_ids()},
                     {"text", message.text()},
                     {"headers", Json::object()}};
        for (const auto& [key, value] : message.headers()) {
            line["headers"][key] = value;
        }
        if (message.timestamp()) {
            line["timestamp"] = format_timestamp(*message.timestamp());
        }
        write(line);
    }
    void waiting(const OutboxEntry& entry) override {
        Json line = {{"event", "waiting"},
                     {"message_id", entry.message_id},
                     {"recipient_ids", entry.recipient_ids},
                     {"open_recipient_ids", entry.open_recipient_ids},
                     {"text", entry.text},
                     {"headers", Json::object()},
                     {"queued_at", format_timestamp(entry.queued_at)},
                     {"retried_until", format_timestamp(entry.retried_until)},
                     {"submitted", entry.submitted}};
        for (const auto& [key, value] : entry.headers) {
            line["headers"][key] = value;
        }
        write(line);
    }
    void cancelled(const std::string& message_id) override {
        write({{"event", "cancelled"}, {"message_id", message_id}});
    }

  private:
    static void write(const Json& line) {
        // At once: a reader acts on lines, and a callback counts as done when its line is out.
        write_output(escape_controls(line.dump(-1, ' ', false, Json::error_handler_t::replace)) +
                     "\n");
    }
};

std::string joined(const std::vector<std::string>& ids) {
    std::string result;
    for (const std::string& id : ids) {
        result += (result.empty() ? "" : ", ") + id;
    }
    return result;
}

class TextPrinter final : public Printer {
  public:
    void started(const Client&) override {}
    void queued(const OutgoingMessage& message) override {
        remember(message.message_id(), message.text());
    }
    void sent(const Message& message, const std::string& recipient_id) override {
        remember(message.message_id(), message.text());
        write("✓  sent to " + printable(recipient_id) + ": " + excerpt(message.text(), 60));
    }
    void delivered(const MessageDeliveryInfo& info) override {
        const auto known = texts_.find(info.message_id);
        write("✓✓ delivered to " + printable(info.recipient_id) +
              (known == texts_.end() ? "" : ": " + known->second));
    }
    void failed(const Message& message, const std::vector<MessageFailureInfo>& failures) override {
        for (const MessageFailureInfo& failure : failures) {
            write("✗  not sent to " + printable(failure.recipient_id) + ": " +
                  excerpt(message.text(), 60) + " (" +
                  std::string(to_string(failure.error.domain)) + " " +
                  std::to_string(static_cast<int>(failure.error.code)) + ": " +
                  printable(failure.error.description) + ")");
        }
    }
    void incoming(const Message& message) override {
        const auto now = std::chrono::system_clock::now();
        std::string others;
        if (message.recipient_ids().size() > 1) {
            others = " to " + joined(message.recipient_ids());
        }
        write(format_local(message.timestamp().value_or(now), now) + " " +
              describe(message.sender_id() + others, message.text(), message.headers()));
    }
    void waiting(const OutboxEntry& entry) override {
        const auto now = std::chrono::system_clock::now();
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(entry.retried_until - now);
        write(printable(entry.message_id) + "  to " + printable(joined(entry.open_recipient_ids)) +
              "  since " + format_local(entry.queued_at, now) + "  " +
              (entry.submitted ? "given to the server" : "not yet tried") + ", " +
              (left.count() > 0 ? "retried for another " + format_span(left) : "its time is over") +
              "  " + excerpt(entry.text, 40));
    }
    void cancelled(const std::string& message_id) override {
        write("cancelled " + printable(message_id));
    }

  private:
    static void write(const std::string& line) { write_output(line + "\n"); }
    // The texts of the last messages, for the receipts that name the message alone.
    void remember(const std::string& id, const std::string& text) {
        constexpr std::size_t kKept = 1000;
        if (texts_.size() >= kKept) {
            texts_.erase(texts_.begin());
        }
        texts_[id] = excerpt(text, 60);
    }
    // By id, which begins with the time: the first is the oldest.
    std::map<std::string, std::string> texts_;
};

}  // namespace

void Printer::remark(const std::string& line) {
    std::cerr << "parley: " << printable(line) << std::endl;
}

std::string describe(const std::string& who, const std::string& text, const Headers& headers) {
    std::string line = printable(who) + ": " + printable(text);
    for (const auto& [key, value] : headers) {
        line += " [" + printable(key) + "=" + printable(value) + "]";
    }
    return line;
}

std::unique_ptr<Printer> make_json_printer() {
    return std::make_unique<JsonPrinter>();
}
std::unique_ptr<Printer> make_text_printer() {
    return std::make_unique<TextPrinter>();
}

}  // namespace parley::cli
