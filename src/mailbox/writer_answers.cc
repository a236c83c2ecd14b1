// Writer, the part that answers: one post per door and batch.
#include "mailbox/writer.h"

#include <algorithm>
#include <utility>

namespace parley::mailbox {
namespace {

// Calls `done` with the value, or with the error if there is one.
template <typename T>
Task call(Store::Done<Result<T>> done, T value, const std::optional<Error>& error) {
    return [done = std::move(done), value = std::move(value), error]() mutable {
        if (error) {
            done(unexpected(std::move(*error)));
        } else {
            done(std::move(value));
        }
    };
}
Task call(Store::Done<Result<void>> done, const std::optional<Error>& error) {
    return [done = std::move(done), error]() mutable {
        if (error) {
            done(unexpected(std::move(*error)));
        } else {
            done({});
        }
    };
}

struct Answer {
    const std::optional<Error>& error;

    Task operator()(AppendWork& work) const {
        return [done = std::move(work.done), answers = take_answers(work)]() mutable {
            done(std::move(answers));
        };
    }
    Task operator()(EnrollWork& work) const {
        return call(std::move(work.done), std::move(work.answer), error);
    }
    Task operator()(MarkWork& work) const { return call(std::move(work.done), error); }
    Task operator()(CheckWork& work) const { return call(std::move(work.done), error); }
    Task operator()(DisableWork& work) const { return call(std::move(work.done), error); }
    Task operator()(ForgetWork& work) const {
        return call(std::move(work.done), work.answer, error);
    }
    Task operator()(EraseWork& work) const {
        return call(std::move(work.done), work.answer, error);
    }
};

}  // namespace

std::vector<Store::Submitted> take_answers(AppendWork& work) {
    std::vector<Store::Submitted> answers;
    answers.reserve(work.parts.size());
    if (work.parts.size() == 1) {
        answers.push_back({std::move(work.answers), work.parts.front().sent});
        return answers;
    }
    auto begin = work.answers.begin();
    for (const SubmissionPart& part : work.parts) {
        const auto end = work.answers.begin() + static_cast<std::ptrdiff_t>(part.end);
        answers.push_back({std::vector<Appended>(begin, end), part.sent});
        begin = end;
    }
    return answers;
}

void Writer::answer(Work& work, const std::optional<Error>& error) {
    shared_->waiting_requests.fetch_sub(1, std::memory_order_relaxed);
    shared_->waiting_bytes.fetch_sub(work.cost, std::memory_order_relaxed);
    reply(work.line, std::visit(Answer{error}, work.what));
}

// What comes while draining: nothing was taken.
void Writer::refuse(Work work) {
    if (auto* append = std::get_if<AppendWork>(&work.what)) {
        append->answers.resize(append->appends.size());
    }
    answer(work, make_error(ErrorCode::server_error, "the mailbox store is closing"));
}

void Writer::reply(const Line& line, Task task) {
    auto found = std::find_if(replies_.begin(), replies_.end(),
                              [&](const Replies& one) { return one.line == line; });
    if (found == replies_.end()) {
        found = replies_.insert(replies_.end(), Replies{line, {}});
    }
    found->tasks.push_back(std::move(task));
}

void Writer::send_replies() {
    for (Replies& one : std::exchange(replies_, {})) {
        io::Loop& loop = one.line->loop;
        loop.post([line = std::move(one.line), tasks = std::move(one.tasks)]() mutable {
            for (Task& task : tasks) {
                if (!line->open) {
                    return;
                }
                task();
            }
        });
    }
}

}  // namespace parley::mailbox
