#include "tune_output.hpp"

#include "completed_file.hpp"
#include "files.hpp"
#include "tune_space.hpp"

#include <fmt/core.h>
#include <iostream>

namespace coulter::cli {

TunedOutput::TunedOutput(const TuneRequest& request, const TuneSubject& subject)
    : path_(request.output.empty() ? subject.schedules[subject.tuned] : request.output) {
    const std::string& tuned = subject.schedules[subject.tuned];
    if (changes_given_file(subject) && (request.output.empty() || is_in_place({tuned}, request.output))) {
        tuned_ = tuned;
        original_ = read_file(tuned_);
    }
}

void TunedOutput::write(const std::string& text) const {
    if (!tuned_.empty() && read_file(tuned_) != original_) {
        throw failure(refused, "M010",
                      fmt::format("`{}` was edited while it was tuned, so nothing was written", tuned_),
                      "run the same command again: what was measured is recorded; -o gives another file");
    }
    write_file(path_, text);
}

void tell_if_interrupted(const std::vector<std::string>& without_result) {
    if (interrupted() == 0) {
        return;
    }
    std::cerr << "interrupted: the best so far is kept\n";
    for (const std::string& name : without_result) {
        std::cerr << fmt::format("note: nothing was measured at {} yet\n", name);
    }
}

void print_report(const std::string& text) {
    std::cout << text << std::flush;
}

} // namespace coulter::cli
