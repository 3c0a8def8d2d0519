#include "tune_evaluator.hpp"

#include "coulter/tune/statistics.hpp"

#include <algorithm>

namespace coulter::cli {
namespace fs = std::filesystem;
using tune::Candidate;
using tune::Record;

namespace {

// As many as may be compared in the end, and then some: each takes a megabyte or more.
constexpr std::size_t most_kept = 12;

} // namespace

CandidateEvaluator::CandidateEvaluator(const TuneSubject& subject, const fs::path& scratch,
                                       std::function<bool()> is_over, double comparison_seconds)
    : subject_(subject), scratch_(scratch), builder_(subject, scratch), is_over_(std::move(is_over)),
      comparison_seconds_(comparison_seconds) {}

std::optional<std::string> CandidateEvaluator::identify(const std::string& text) {
    return builder_.identify(text);
}

void CandidateEvaluator::make_judge(const Candidate* first) {
    if (judge_) {
        return;
    }
    if (first != nullptr && !subject_.default_text.empty() && first->text == subject_.default_text) {
        const auto built = builder_.build({first->text}, [] { return interrupted() != 0; });
        if (built.front() && built.front()->outcome == tune::Outcome::timed) {
            built_.emplace(first->schedule, *built.front());
            judge_.emplace(subject_, built.front()->library, scratch_);
            return;
        }
    }
    judge_.emplace(subject_, builder_.build_default(), scratch_);
}

void CandidateEvaluator::keep(const std::string& schedule, const fs::path& library, double seconds) {
    kept_[schedule] = {library, seconds};
    if (kept_.size() > most_kept) {
        const auto slowest = std::ranges::max_element(kept_, {}, [](const auto& each) { return each.second.seconds; });
        std::error_code ignored;
        fs::remove(slowest->second.library, ignored);
        kept_.erase(slowest);
    }
}

void CandidateEvaluator::measure(const std::vector<Candidate>& candidates, double slow,
                                 const std::function<void(const Record&)>& done) {
    make_judge(&candidates.front());
    // A few at a time: what is compiled and not yet timed is lost when the process is killed.
    for (std::size_t first = 0; first < candidates.size(); first += subject_.jobs) {
        const std::size_t last = std::min<std::size_t>(first + subject_.jobs, candidates.size());
        if (!measure_some({candidates.begin() + static_cast<std::ptrdiff_t>(first),
                           candidates.begin() + static_cast<std::ptrdiff_t>(last)},
                          slow, done)) {
            return;
        }
    }
}

bool CandidateEvaluator::measure_some(const std::vector<Candidate>& candidates, double slow,
                                      const std::function<void(const Record&)>& done) {
    std::vector<std::string> texts;
    for (const Candidate& each : candidates) {
        if (!built_.contains(each.schedule)) {
            texts.push_back(each.text);
        }
    }
    // However short the budget is, the file's own values are measured.
    auto fresh = builder_.build(texts, [&] { return measured_ ? is_over_() : interrupted() != 0; });
    std::vector<std::optional<BuiltCandidate>> built;
    for (std::size_t i = 0, next = 0; i < candidates.size(); ++i) {
        const auto before = built_.find(candidates[i].schedule);
        built.push_back(before != built_.end() ? std::optional(before->second) : std::move(fresh[next++]));
    }
    built_.clear();
    for (std::size_t i = 0; i < built.size(); ++i) {
        if (!built[i] || interrupted() != 0) {
            return false;
        }
        Record record;
        if (built[i]->outcome == tune::Outcome::timed) {
            const auto measured = judge_->measure(built[i]->library, slow);
            if (!measured) {
                return false;
            }
            record = *measured;
        } else {
            record.outcome = built[i]->outcome;
            record.message = built[i]->message;
        }
        record.code_bytes = built[i]->code_bytes;
        if (record.outcome == tune::Outcome::timed) {
            keep(candidates[i].schedule, built[i]->library, tune::median(record.samples));
        } else if (!built[i]->library.empty()) {
            std::error_code ignored;
            fs::remove(built[i]->library, ignored);
        }
        done(record);
        measured_ = true;
    }
    return true;
}

std::vector<Record> CandidateEvaluator::compare(const std::vector<Candidate>& candidates, const std::string&) {
    if (interrupted() != 0) {
        return {};
    }
    make_judge(nullptr);
    // What an earlier run measured has no library here.
    std::vector<std::string> texts;
    std::vector<std::string> missing;
    for (const Candidate& each : candidates) {
        if (!kept_.contains(each.schedule)) {
            texts.push_back(each.text);
            missing.push_back(each.schedule);
        }
    }
    const auto built = builder_.build(texts, [] { return interrupted() != 0; });
    for (std::size_t i = 0; i < built.size(); ++i) {
        if (!built[i] || built[i]->outcome != tune::Outcome::timed) {
            return {};
        }
        kept_[missing[i]] = {built[i]->library, 0};
    }
    std::vector<fs::path> libraries;
    for (const Candidate& each : candidates) {
        libraries.push_back(kept_.at(each.schedule).library);
    }
    std::vector<Record> records = judge_->side_by_side(libraries, comparison_seconds_);
    return records.size() == candidates.size() ? records : std::vector<Record>{};
}

} // namespace coulter::cli
