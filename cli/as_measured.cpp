#include "as_measured.hpp"

#include "describe.hpp"
#include "variants.hpp"

#include <fmt/core.h>
#include <set>
#include <sstream>

namespace coulter::cli {
namespace {

Loaded loaded_with(const TuneSubject& subject, const std::string& text) {
    LoadOptions options;
    options.target = subject.target;
    options.texts = subject.texts;
    options.texts[subject.schedules[subject.tuned]] = text;
    return load({subject.work().path}, subject.schedules, options);
}

/// Whether two plans are of the same statements and make the same loops. A statement that replaces a lower one stands
/// where that stood, so their order says nothing; nor do comments, and which kernels a file is for.
bool is_same(const ir::Kernel& kernel, const schedule::Plan& a, const schedule::Plan& b) {
    const auto lines = [&](const schedule::Plan& plan) {
        std::multiset<std::string> all;
        std::istringstream text(schedule_in_force(kernel, plan));
        for (std::string line; std::getline(text, line);) {
            if (!line.empty() && !line.starts_with('#') && !line.starts_with("schedule ")) {
                all.insert(line);
            }
        }
        return all;
    };
    return lines(a) == lines(b) && schedule::loops_text(a) == schedule::loops_text(b);
}

} // namespace

void require_as_measured(const TuneSubject& subject, const std::string& text, const std::vector<MeasuredPart>& parts) {
    const Loaded whole = loaded_with(subject, text);
    for (const MeasuredPart& part : parts) {
        const Loaded alone = loaded_with(*part.subject, part.text);
        if (whole.report.has_errors() || alone.report.has_errors() ||
            !is_same(subject.work().kernel, plan_of_part(whole.work.front(), part.name), alone.work.front().plan)) {
            throw Failure(environment,
                          fmt::format("internal error: as a part of the file, `{}` is another schedule than the "
                                      "one that was measured; nothing was written\n{}",
                                      part.name, whole.report.text()));
        }
    }
}

} // namespace coulter::cli
