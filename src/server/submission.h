#pragma once

#include "base/ids.h"
#include "base/limits.h"
#include "mailbox/store.h"
#include "parley/result.h"
#include "server/append_keys.h"
#include "server/identity.h"
#include "wire/frames.h"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace parley::server {

// A message on its way into mailboxes: checked, in its sender's name, encoded once for all
// recipients. Never changes, so the store's writer may look at it too.
struct Submission {
    SharedIdentity sender;     // who submitted it
    wire::Message message;     // without text, headers and recipients: they are in `body`
    std::vector<UserId> open;  // whom to append for, distinct, in the order given
    SharedBytes body;
    SharedBytes incoming;  // the same bytes for every recipient
};

// Checks a frame and makes a Submission of it, from the session's user and device whatever it says
// itself (R23). Repeated recipients are collapsed. Errors: invalid_argument.
// `submit` keeps its message id if it is refused, and is used up otherwise.
Result<std::shared_ptr<const Submission>> prepare_submission(const SharedIdentity& sender,
                                                             wire::Submit& submit,
                                                             const Limits& limits);

// One `incoming` for each open recipient, in their order.
std::vector<mailbox::Append> incoming_appends(const Submission& submission, AppendKeys& keys);

// The `sent` event for those accepted according to `outcomes` (parallel to `open`); nothing if none
// is.
std::optional<mailbox::Append> sent_append(const Submission& submission,
                                           std::span<const mailbox::Appended> outcomes);

// What the sender is told. `sent_held` says whether the `sent` event is durable: without it nobody
// counts as accepted (R1). What is not final is a passing fault.
wire::SubmitResult result_of(const Submission& submission,
                             std::span<const mailbox::Appended> outcomes, bool sent_held);

// The answer to a message that was refused as a whole.
wire::SubmitResult refusal_of(const MessageId& message, const Error& error);

}  // namespace parley::server
