#include "shipped_schedule.hpp"

#include "coulter/schedule/syntax.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace coulter::test {
namespace {

void append(std::vector<schedule::Statement>& to, const std::vector<schedule::Statement>& from) {
    for (const schedule::Statement& each : from) {
        if (each.kind == schedule::Statement::Kind::include && each.included != nullptr) {
            append(to, each.included->statements);
        } else {
            to.push_back(each);
        }
    }
}

} // namespace

std::string shipped_schedule(const std::string& kernel) {
    const std::string path = COULTER_TEST_DIR "/../models/schedules/" + kernel + ".sched";
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    std::vector<schedule::ScheduleText> texts;
    const schedule::SyntaxResult parsed = schedule::parse_schedule_file(text.str(), path, texts);
    if (!file || !parsed.ok()) {
        throw std::runtime_error("no schedule " + path);
    }
    schedule::ScheduleFile whole;
    append(whole.statements, parsed.file.statements);
    return schedule::format_bare(whole);
}

} // namespace coulter::test
