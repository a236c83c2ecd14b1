#include "mailbox/log_store.h"

#include "base/try.h"
#include "mailbox/reader.h"
#include "mailbox/records.h"
#include "mailbox/work.h"
#include "mailbox/writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace parley::mailbox {

std::int64_t raise(std::atomic<std::int64_t>& value, std::int64_t to) {
    std::int64_t seen = value.load(std::memory_order_relaxed);
    while (seen < to && !value.compare_exchange_weak(seen, to, std::memory_order_relaxed)) {
    }
    return std::max(seen, to);
}

WallTime StoreShared::now() {
    constexpr std::int64_t kDayMs = 24ll * 3600 * 1000;
    const std::int64_t told = told_ms.load(std::memory_order_relaxed);
    const std::int64_t wall = to_ms(clock.now());
    // A leap is for the writer to judge.
    if (wall <= told || wall - told > kDayMs || !following.load(std::memory_order_relaxed)) {
        return wall_time_from_ms(told);
    }
    return wall_time_from_ms(raise(told_ms, wall));
}

std::optional<std::string> StoreShared::trouble() const {
    auto first = damage.first();
    return first ? first : table.trouble();
}

StoreStatus StoreShared::status() const {
    StoreStatus status;
    status.trouble = trouble();
    status.failed_reads = damage.failed_reads();
    status.refusing = refusals.now();
    status.refused_commits = refusals.count();
    status.waiting_requests = waiting_requests.load(std::memory_order_relaxed);
    status.waiting_bytes = waiting_bytes.load(std::memory_order_relaxed);
    status.expired = expired();
    status.table = numbers.get();
    return status;
}

void StoreShared::ask_numbers() {
    numbers.keep(table.numbers());
}

namespace {

constexpr std::size_t kMostListed = 10'000;

// How the doors reach a writer that may be gone. `alive` is read on the store's loop only.
struct WriterLink {
    Writer* writer = nullptr;
    std::shared_ptr<const bool> alive;
};

class Door final : public Store {
  public:
    Door(std::shared_ptr<StoreShared> shared, WriterLink link, io::Loop& loop)
        : shared_(std::move(shared)),
          link_(std::move(link)),
          line_(std::make_shared<DoorLine>(loop)) {}
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;
    ~Door() override { line_->open = false; }

    void enroll(const MailboxId& mailbox, const DeviceId& device, bool messaging,
                std::vector<DeviceId> live, Done<Result<Enrolled>> done) override {
        request(EnrollWork{mailbox, device, messaging, std::move(live), std::move(done)}, 0);
    }

    void append(std::vector<Append> appends, Done<std::vector<Appended>> done) override {
        std::vector<Submission> one;
        one.push_back({std::move(appends), {}});
        submit_all(std::move(one),
                   [done = std::move(done)](std::vector<Submitted> answers) mutable {
                       done(std::move(answers.front().incoming));
                   });
    }

    void submit_all(std::vector<Submission> submissions,
                    Done<std::vector<Submitted>> done) override {
        AppendWork work;
        work.done = std::move(done);
        work.parts.reserve(submissions.size());
        for (Submission& submission : submissions) {
            if (work.appends.empty()) {
                work.appends = std::move(submission.incoming);
            } else {
                std::move(submission.incoming.begin(), submission.incoming.end(),
                          std::back_inserter(work.appends));
            }
            work.parts.push_back({work.appends.size(), std::move(submission.finish)});
        }
        std::size_t bytes = 0;
        const Bytes* body = nullptr;
        for (const Append& one : work.appends) {
            bytes += sizeof one + (one.bytes ? one.bytes->size() : 0);
            if (one.body && one.body.get() != body) {
                body = one.body.get();
                bytes += body->size();
            }
        }
        request(std::move(work), bytes);
    }

    void head(const MailboxId& mailbox, Done<Result<Head>> done) override {
        answer(std::move(done), mailbox,
               [mailbox](StoreShared& shared) { return read_head(shared, mailbox); });
    }
    void read(const MailboxId& mailbox, std::optional<Cursor> after, ReadLimit limit,
              Done<Result<Read>> done) override {
        answer(std::move(done), mailbox, [mailbox, after, limit](StoreShared& shared) {
            return read_events(shared, mailbox, after, limit);
        });
    }
    void find(const MailboxId& mailbox, const AppendKey& key,
              Done<Result<std::optional<Found>>> done) override {
        answer(std::move(done), mailbox,
               [mailbox, key](StoreShared& shared) { return find_event(shared, mailbox, key); });
    }
    void mark(const MailboxId& mailbox, Sequence sequence, Done<Result<void>> done) override {
        request(MarkWork{mailbox, sequence, std::move(done)}, 0);
    }

    void check(Done<Result<void>> done) override { request(CheckWork{std::move(done)}, 0); }

    void user(const MailboxId& mailbox, Done<Result<UserState>> done) override {
        answer(std::move(done), mailbox,
               [mailbox](StoreShared& shared) { return read_user(shared, mailbox); });
    }
    void set_disabled(const MailboxId& mailbox, bool disabled, Done<Result<void>> done) override {
        request(DisableWork{mailbox, disabled, std::move(done)}, 0);
    }
    void devices(const MailboxId& mailbox, Done<Result<std::vector<DeviceSeen>>> done) override {
        answer(std::move(done), mailbox, [mailbox](StoreShared& shared) {
            return read_devices(shared.table, mailbox_key(mailbox));
        });
    }
    void forget_device(const MailboxId& mailbox, const DeviceId& device,
                       Done<Result<bool>> done) override {
        request(ForgetWork{mailbox, device, std::move(done)}, 0);
    }
    void erase(const MailboxId& mailbox, Done<Result<bool>> done) override {
        request(EraseWork{mailbox, std::move(done)}, 0);
    }
    void list(const ApplicationKey& application, const UserId& after, std::size_t count,
              Done<Result<std::vector<UserId>>> done) override {
        list_page({application,
                   users_after(application, after),
                   std::min(count, kMostListed),
                   {},
                   std::move(done)});
    }

    Wakes& wakes() override { return *shared_->wakes; }
    const Epoch& epoch() const override { return shared_->epoch; }
    WallTime now() const override { return shared_->now(); }
    std::chrono::seconds dedupe_horizon() const override { return shared_->horizon; }
    std::optional<std::string> trouble() const override { return shared_->trouble(); }

  private:
    struct Listing {
        ApplicationKey application;
        KeyRange range;  // that is left
        std::size_t count = 0;
        std::vector<UserId> users;
        Done<Result<std::vector<UserId>>> done;
    };

    // One page in a turn: a million users who are gone must not hold up everybody on this loop.
    void list_page(Listing listing) {
        auto page = list_users(shared_->table, listing.application, listing.range,
                               listing.count - listing.users.size());
        if (!page) {
            return post([done = std::move(listing.done),
                         error = unreadable(
                             {listing.application, UserId()}, page.error(),
                             [shared = shared_.get(), application = listing.application,
                              range = listing.range]() -> Result<void> {
                                 PARLEY_CHECK(list_users(shared->table, application, range, 1));
                                 return {};
                             })]() mutable { done(unexpected(error)); });
        }
        std::move(page->users.begin(), page->users.end(), std::back_inserter(listing.users));
        const bool is_last = !page->next || listing.users.size() == listing.count;
        if (page->next) {
            listing.range.from = std::move(*page->next);
        }
        post([this, is_last, listing = std::move(listing)]() mutable {
            is_last ? listing.done(std::move(listing.users)) : list_page(std::move(listing));
        });
    }

    void post(Task task) {
        line_->loop.post([line = line_, task = std::move(task)]() mutable {
            if (line->open) {
                task();
            }
        });
    }

    // An error of the engine is a passing fault to those who ask; the log has its words. `again`
    // reads the same once more.
    Error unreadable(const MailboxId& mailbox, const Error& error, Damage::Again again) {
        shared_->damage.note(name_of(mailbox_key(mailbox)), error, std::move(again));
        return make_error(ErrorCode::server_error, "the mailbox store cannot be read");
    }

    // What `read` finds, in a later turn.
    template <typename T, typename Reading>
    void answer(Done<Result<T>> done, const MailboxId& mailbox, Reading read) {
        Result<T> result = read(*shared_);
        if (!result) {
            result = unexpected(unreadable(mailbox, result.error(),
                                           [shared = shared_.get(), read]() -> Result<void> {
                                               PARLEY_CHECK(read(*shared));
                                               return {};
                                           }));
        }
        post([done = std::move(done), result = std::move(result)]() mutable {
            done(std::move(result));
        });
    }

    // Sends what one turn asks for in one post.
    template <typename What>
    void request(What what, std::size_t bytes) {
        if (shared_->waiting_requests.load(std::memory_order_relaxed) >= kStoreWaitingRequests ||
            shared_->waiting_bytes.load(std::memory_order_relaxed) >= kStoreWaitingBytes) {
            refuse(std::move(what));
            return;
        }
        shared_->waiting_requests.fetch_add(1, std::memory_order_relaxed);
        shared_->waiting_bytes.fetch_add(bytes, std::memory_order_relaxed);
        outgoing_.push_back(Work{line_, bytes, std::move(what)});
        if (outgoing_.size() == 1) {
            line_->loop.at_turn_end([this, line = line_] {
                if (line->open) {
                    send();
                }
            });
        }
    }

    template <typename What>
    void refuse(What what) {
        if constexpr (std::is_same_v<What, AppendWork>) {
            what.answers.resize(what.appends.size());
            post([work = std::move(what)]() mutable { work.done(take_answers(work)); });
        } else {
            post([done = std::move(what.done)]() mutable {
                done(unexpected(
                    make_error(ErrorCode::server_error, "the mailbox store is overloaded")));
            });
        }
    }

    void send() {
        shared_->loop.post([link = link_, works = std::exchange(outgoing_, {})]() mutable {
            if (*link.alive) {
                link.writer->take(std::move(works));
            }
        });
    }

    std::shared_ptr<StoreShared> shared_;
    WriterLink link_;
    Line line_;
    std::vector<Work> outgoing_;
};

class LogStoreOnTable final : public LogStore {
  public:
    LogStoreOnTable(std::shared_ptr<StoreShared> shared, LogStoreOptions options,
                    std::optional<ClockRecord> clock)
        : shared_(shared), writer_(std::move(shared), std::move(options), clock) {}

    std::unique_ptr<Store> door(io::Loop& loop) override {
        return std::make_unique<Door>(shared_, WriterLink{&writer_, writer_.alive()}, loop);
    }
    void drain(Task done) override {
        shared_->loop.post([this, alive = writer_.alive(), done = std::move(done)]() mutable {
            if (*alive) {
                writer_.drain(std::move(done));
            }
        });
    }
    void confirm_clock(UniqueFunction<void(Result<void>)> done) override {
        shared_->loop.post([this, alive = writer_.alive(), done = std::move(done)]() mutable {
            if (*alive) {
                writer_.confirm_clock(std::move(done));
            }
        });
    }
    StoreStatus status() const override { return shared_->status(); }
    bool is_committing() const override { return shared_->metrics.under_way_since.value() != 0; }
    void ask_numbers() override { shared_->ask_numbers(); }
    void write_metrics(MetricsText& text, Instant now) const override {
        shared_->metrics.write(text, now);
        write(shared_->status(), shared_->retention, text);
        text.gauge("parley_store_clock_held",
                   "1 while the store's time does not follow the wall clock after a leap.",
                   std::int64_t{!shared_->following.load(std::memory_order_relaxed)});
    }

  private:
    std::shared_ptr<StoreShared> shared_;
    Writer writer_;
};

}  // namespace

Result<std::unique_ptr<LogStore>> LogStore::open(Table& table, io::Loop& loop, io::WallClock& clock,
                                                 LogStoreOptions options, Logger log) {
    PARLEY_TRY(const auto value, table.get(Space::state, clock_key()));
    std::optional<ClockRecord> stored;
    if (value) {
        PARLEY_TRY(stored, decode_clock(*value));
    }
    auto shared = std::make_shared<StoreShared>(table, loop, clock, log);
    shared->retention = options.retention;
    shared->horizon = std::max(options.retention, 2 * options.retry_window);
    shared->epoch = table.epoch();
    shared->ask_numbers();
    return std::unique_ptr<LogStore>(
        std::make_unique<LogStoreOnTable>(std::move(shared), std::move(options), stored));
}

}  // namespace parley::mailbox
