#pragma once

#include "adapters/sqlite/database.h"
#include "client/local_store.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace parley::sqlite {

// The callbacks that are due, and the messages among them that came from outside. Writes happen
// inside a transaction of the owner, which says by settle() whether it was committed.
class Inbox {
  public:
    explicit Inbox(Database& database) : database_(database) {}

    // Reads what is there. Inside reading().
    void load();

    // Keeps the content of a message of somebody else, or of another device of the user, until all
    // callbacks that carry it are done. `bytes` is what it counts against the bound; each callback
    // adds a little of its own.
    std::int64_t add_body(const client::Message& message);
    void incoming(std::int64_t body, const client::Message& message, std::int64_t at_ms);
    void sent_elsewhere(std::int64_t body, const UserId& recipient, std::int64_t at_ms);
    void sent_here(std::int64_t order, const UserId& recipient, std::int64_t at_ms);
    void delivered(const std::string& message_id, const UserId& recipient, std::int64_t at_ms);
    void failed(std::int64_t order, const std::vector<client::RecipientFailure>& failures,
                std::int64_t at_ms);
    void done(std::span<const client::CallbackId> ids);

    // Ends what the transaction did to the figures. True: callbacks were added.
    bool settle(bool committed);

    std::vector<client::Callback> read(client::CallbackId after, std::size_t count,
                                       std::size_t bytes, const UserId& self);
    std::uint64_t unread() const { return static_cast<std::uint64_t>(unread_); }

  private:
    struct Row;
    void insert(const Row& row);
    client::Callback read_row(const Query& row, const UserId& self) const;

    Database& database_;
    std::int64_t last_id_ = 0;
    std::int64_t unread_ = 0;
    // Of the transaction under way.
    std::int64_t pending_unread_ = 0;
    std::int64_t body_unread_ = 0;
    bool added_ = false;
};

}  // namespace parley::sqlite
