// The reducer of failing schedules.

#include "random_schedule.hpp"

#include "coulter/schedule/syntax.hpp"

namespace coulter::test {

std::string reduce_schedule(const std::string& text, const std::function<bool(const std::string&)>& fails,
                            int most_trials) {
    schedule::ScheduleFile file = schedule::parse_schedule(text, "reduced.sched").file;
    int trials = 0;
    const auto still_fails = [&](const schedule::ScheduleFile& candidate) {
        return trials++ < most_trials && fails(schedule::format(candidate));
    };
    bool progress = true;
    while (progress && trials < most_trials) {
        progress = false;
        for (std::size_t i = file.statements.size(); i-- > 0;) {
            if (file.statements[i].kind == schedule::Statement::Kind::schedule) {
                continue;
            }
            schedule::ScheduleFile candidate = file;
            candidate.statements.erase(candidate.statements.begin() + static_cast<std::ptrdiff_t>(i));
            if (still_fails(candidate)) {
                file = std::move(candidate);
                progress = true;
            }
        }
        for (std::size_t i = file.statements.size(); i-- > 0;) {
            for (std::size_t j = file.statements[i].directives.size(); j-- > 0;) {
                schedule::ScheduleFile candidate = file;
                auto& directives = candidate.statements[i].directives;
                directives.erase(directives.begin() + static_cast<std::ptrdiff_t>(j));
                if (still_fails(candidate)) {
                    file = std::move(candidate);
                    progress = true;
                }
            }
        }
    }
    return schedule::format(file);
}

} // namespace coulter::test
