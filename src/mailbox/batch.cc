#include "mailbox/batch.h"

#include "base/try.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace parley::mailbox {
namespace {

// A body of at most this size lies in each event; a larger one once, beside them (R20). The
// reference takes 40 bytes and a record of its own costs several microseconds, so copies of small
// ones are cheaper.
constexpr std::size_t kInlineBody = 512;
// How far ahead of the clock a ceiling is set: a mailbox writes one record in this time for it.
constexpr std::uint64_t kCeilingAheadUs = 3600ull * 1'000'000;
constexpr std::uint64_t kCeilingAhead = 4096;  // where sequences are ahead of the clock

bool all_final(std::span<const Appended> answers) {
    return std::all_of(answers.begin(), answers.end(),
                       [](const Appended& one) { return is_final(one.outcome); });
}

const SharedBytes& no_bytes() {
    static const SharedBytes kNone = std::make_shared<const Bytes>();
    return kNone;
}

}  // namespace

std::size_t Batch::KeyHash::operator()(const PlacedKey& placed) const noexcept {
    std::uint64_t mailbox = 0;
    std::uint64_t append = 0;
    std::memcpy(&mailbox, placed.mailbox.data(), sizeof mailbox);
    std::memcpy(&append, placed.key.data(), sizeof append);
    return static_cast<std::size_t>(mailbox ^ append);
}

void Batch::add(std::span<const Step> steps) {
    std::vector<const MailboxId*> ids;
    std::vector<Candidate> candidates;
    std::size_t finishes = 0;
    for (const Step& step : steps) {
        if (auto* append = std::get_if<AppendWork>(&step.work->what)) {
            finishes += append->parts.size();
            append->answers.resize(append->appends.size());
            for (std::size_t i = step.begin; i < step.end; ++i) {
                ids.push_back(&append->appends[i].mailbox);
                candidates.push_back({append, &append->appends[i], &append->answers[i]});
            }
        } else if (!std::holds_alternative<EnrollWork>(step.work->what)) {
            ids.push_back(std::visit(
                [](const auto& what) -> const MailboxId* {
                    if constexpr (requires { what.mailbox; }) {
                        return &what.mailbox;
                    }
                    return nullptr;
                },
                step.work->what));
        }
    }
    cache_.load(ids, moment_.expired);
    expect(candidates.size() + finishes);
    look_up_keys(candidates);
    std::size_t next = 0;
    for (const Step& step : steps) {
        if (auto* append = std::get_if<AppendWork>(&step.work->what)) {
            for (std::size_t i = step.begin; i < step.end; ++i) {
                place(candidates[next++]);
            }
            append->next = step.end;
            if (step.end == append->appends.size()) {
                submissions_.push_back(append);
            }
        } else {
            apply(*step.work);
        }
    }
    finish_submissions();
}

// So many are placed at most.
void Batch::expect(std::size_t appends) {
    commit.puts.reserve(2 * appends);
    wakes.reserve(appends);
    dependent_.reserve(appends);
    placed_.reserve(appends);
}

void Batch::look_up_keys(std::span<Candidate> candidates) {
    std::vector<Bytes> keys;
    std::vector<Candidate*> wanted;
    keys.reserve(candidates.size());
    for (Candidate& candidate : candidates) {
        const MailboxState* state = candidate.state = cache_.find(candidate.append->mailbox);
        if (state == nullptr) {
            continue;
        }
        candidate.key = append_key(state->key, candidate.append->key);
        if (state->recorded && state->record.has_mailbox()) {
            wanted.push_back(&candidate);
            keys.push_back(std::move(candidate.key));
        }
    }
    if (keys.empty()) {
        return;
    }
    auto values = get_readable(shared_.table, shared_.damage, Space::keys, keys);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        wanted[i]->key = std::move(keys[i]);
        wanted[i]->unreadable = !values[i];
        if (values[i]) {
            wanted[i]->known = std::move(*values[i]);
        }
    }
}

void Batch::place(Candidate& candidate) {
    Appended& answer = *candidate.answer;
    MailboxState* state = candidate.state;
    if (candidate.work->passed_over || state == nullptr || candidate.unreadable) {
        candidate.work->passed_over = true;
        return;
    }
    // A known key comes first: what was accepted stays accepted, whatever has become of the user
    // (R8).
    if (candidate.known) {
        auto known = decode_key(*candidate.known);
        if (!known) {
            shared_.damage.note(name_of(state->key), known.error(),
                                [&shared = shared_, key = candidate.key]() -> Result<void> {
                                    PARLEY_TRY(const auto value,
                                               shared.table.get(Space::keys, key));
                                    PARLEY_CHECK(decode_key(value.value_or(Bytes())));
                                    return {};
                                });
            candidate.work->passed_over = true;
            return;
        }
        answer = {Outcome::duplicate, Sequence(known->sequence), Sequence(), known->at};
        return;
    }
    if (const auto found = placed_.find({state->key, candidate.append->key});
        found != placed_.end()) {
        answer = {Outcome::duplicate, Sequence(found->second.sequence), Sequence(),
                  found->second.at};
        dependent_.push_back(&answer);
        return;
    }
    const Result<Outcome> judged = judge(*state, *candidate.append);
    if (!judged) {
        shared_.damage.note(name_of(state->key), judged.error(),
                            [&shared = shared_, key = state->key, last = state->position.last,
                             mark = state->record.mark,
                             cutoff = shared_.kept_since(moment_.now)]() -> Result<void> {
                                PARLEY_CHECK(find_floor(shared.table, key, last, mark, cutoff));
                                return {};
                            });
        candidate.work->passed_over = true;
        return;
    }
    if (*judged != Outcome::stored) {
        answer.outcome = *judged;
        if (*judged == Outcome::over_quota) {
            dependent_.push_back(&answer);  // counts what this batch has placed
        }
        return;
    }
    store(*state, candidate);
}

void Batch::store(MailboxState& state, Candidate& candidate) {
    Append& append = *candidate.append;
    if (append.bytes == nullptr) {
        append.bytes = no_bytes();
    }
    const std::uint64_t sequence = next_sequence(state);
    if (sequence == 0) {
        candidate.work->passed_over = true;
        return;
    }
    const std::uint64_t previous = state.position.last;
    const EventRecord event = make_event(state, append);
    commit.puts.push_back({Space::events, event_key(state.key, sequence), encode(event), event.at});
    commit.puts.push_back(
        {Space::keys, std::move(candidate.key), encode(KeyRecord{event.at, sequence}), event.at});
    placed_.emplace(PlacedKey{state.key, append.key}, Known{sequence, event.at});
    state.position = {sequence, event.at, event.incoming_after(), event.bytes_after()};
    if (append.needs != Needs::user && !state.record.exists && !state.record.held) {
        state.record.held = true;
        state.persist = true;
    }
    if (sequence > state.record.ceiling) {
        state.record.ceiling =
            std::min(std::max(sequence + kCeilingAhead, moment_.wall_us + kCeilingAheadUs),
                     kSequenceEnd - 1);
        state.persist = true;
    }
    touch(state);
    *candidate.answer = {Outcome::stored, Sequence(sequence), Sequence(previous), event.at};
    dependent_.push_back(candidate.answer);
    wakes.push_back(
        {std::move(append.mailbox),
         Sequence(previous),
         {Sequence(sequence), event.at, std::move(append.bytes), std::move(append.body)}});
}

std::uint64_t Batch::next_sequence(MailboxState& state) {
    // The newest events may be gone, and a reader stand at the ceiling: position_of.
    if (state.position.newest < moment_.expired) {
        state.position.last = std::max(state.position.last, state.record.ceiling);
    }
    const std::uint64_t next = std::max(state.position.last + 1, moment_.wall_us);
    if (next >= kSequenceEnd) {
        shared_.log.error("store.sequences_exhausted");
        return 0;
    }
    return next;
}

EventRecord Batch::make_event(const MailboxState& state, const Append& append) {
    EventRecord event;
    event.at = std::max(moment_.now, state.position.newest);  // R17
    event.incoming = append.needs == Needs::messaging;
    event.incoming_before = state.position.incoming_after;
    event.bytes_before = state.position.bytes_after;
    event.bytes = *append.bytes;
    if (append.body == nullptr) {
        return event;
    }
    event.body_size = append.body->size();
    if (append.body->size() <= kInlineBody) {
        event.body = *append.body;
        return event;
    }
    const std::uint32_t day = day_of(event.at);
    const auto [at, added] = bodies_.try_emplace({day, append.body.get()});
    if (added) {
        at->second = {day, sha256(*append.body)};
        kept_bodies_.push_back(append.body);
        commit.puts.push_back({Space::bodies, body_key(day, at->second.content), *append.body, {}});
    }
    event.reference = at->second;
    return event;
}

Result<Outcome> Batch::judge(MailboxState& state, const Append& append) {
    const UserRecord& user = state.record;
    switch (append.needs) {
        case Needs::nothing:
            return Outcome::stored;
        case Needs::user:
            // Also for a disabled user: what was accepted for them before must be told to the end
            // (R7).
            return user.exists ? Outcome::stored : Outcome::no_user;
        case Needs::messaging:
            break;
    }
    if (user.disabled) {
        return Outcome::disabled;
    }
    if (!user.exists && !options_.hold_for_unknown) {
        return Outcome::no_user;
    }
    if (user.exists && !user.messaging) {
        return Outcome::no_messaging;
    }
    const std::uint64_t size =
        (append.bytes ? append.bytes->size() : 0) + (append.body ? append.body->size() : 0);
    PARLEY_TRY(const bool over, over_quota(state, size));
    return over ? Outcome::over_quota : Outcome::stored;
}

Result<bool> Batch::over_quota(MailboxState& state, std::uint64_t size) {
    const auto exceeds = [&] {
        const std::uint64_t pending_from =
            std::max(state.record.mark_incoming, state.floor_incoming);
        const Position& at = state.position;
        const std::uint64_t pending = at.incoming_after - std::min(pending_from, at.incoming_after);
        const std::uint64_t retained = at.bytes_after - std::min(state.floor_bytes, at.bytes_after);
        return (options_.quota_pending_bytes != 0 &&
                pending + size > options_.quota_pending_bytes) ||
               (options_.quota_retained_bytes != 0 &&
                retained + size > options_.quota_retained_bytes);
    };
    // The figures at hand are never too low. Only when they are too high are they looked up, and
    // then not for each append.
    constexpr auto kLookUpEvery = std::chrono::minutes(1);
    if (!exceeds()) {
        return false;
    }
    if (state.looked_up_mark != state.record.mark || state.looked_up_at == WallTime() ||
        moment_.now - state.looked_up_at >= kLookUpEvery) {
        PARLEY_CHECK(look_up_floor(state));
    }
    return exceeds();
}

Result<void> Batch::look_up_floor(MailboxState& state) {
    const Position& at = state.position;
    const WallTime cutoff = shared_.kept_since(moment_.now);
    PARLEY_TRY(const Floor floor,
               find_floor(shared_.table, state.key, at.last, state.record.mark, cutoff));
    if (floor.retained) {
        state.floor_incoming = floor.incoming_before;
        state.floor_bytes = floor.bytes_before;
    } else if (std::find(touched_.begin(), touched_.end(), &state) == touched_.end()) {
        state.floor_incoming = at.incoming_after;
        state.floor_bytes = at.bytes_after;
    }
    state.record.mark_incoming = std::max(state.record.mark_incoming, floor.marked_incoming);
    state.looked_up_mark = state.record.mark;
    state.looked_up_at = moment_.now;
    return {};
}

void Batch::finish_submissions() {
    struct Finished {
        AppendWork* work;
        SubmissionPart* part;
        Append append;
    };
    std::vector<Finished> finished;
    for (AppendWork* work : submissions_) {
        std::size_t begin = 0;
        for (SubmissionPart& part : work->parts) {
            const auto answers =
                std::span<const Appended>(work->answers).subspan(begin, part.end - begin);
            begin = part.end;
            if (!part.finish || !all_final(answers)) {
                continue;
            }
            if (std::optional<Append> sent = part.finish(answers)) {
                finished.push_back({work, &part, std::move(*sent)});
            }
        }
    }
    std::vector<const MailboxId*> ids;
    std::vector<Candidate> candidates;
    for (Finished& one : finished) {
        ids.push_back(&one.append.mailbox);
        candidates.push_back({one.work, &one.append, &one.part->sent.emplace()});
    }
    cache_.load(ids, moment_.expired);
    look_up_keys(candidates);
    for (Candidate& candidate : candidates) {
        place(candidate);
    }
}

void Batch::touch(MailboxState& state) {
    if (touched_.empty() || touched_.back() != &state) {
        touched_.push_back(&state);
    }
}

void Batch::close() {
    for (MailboxState* state : touched_) {
        if (std::exchange(state->persist, false)) {
            state->recorded = true;
            commit.puts.push_back({Space::state, user_key(state->id), encode(state->record), {}});
        }
    }
}

void Batch::spoil() {
    for (Appended* answer : dependent_) {
        *answer = Appended{};
    }
    for (AppendWork* work : submissions_) {
        std::size_t begin = 0;
        for (SubmissionPart& part : work->parts) {
            const auto answers =
                std::span<const Appended>(work->answers).subspan(begin, part.end - begin);
            begin = part.end;
            if (!all_final(answers)) {
                part.sent.reset();
            }
        }
    }
    // By name: a state may be listed twice, and is gone after the first time.
    std::set<MailboxId> names;
    for (const MailboxState* state : touched_) {
        names.insert(state->id);
    }
    for (const MailboxId& name : names) {
        cache_.forget(name);
    }
    touched_.clear();
    wakes.clear();
}

}  // namespace parley::mailbox
