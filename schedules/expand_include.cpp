// Files that include files.

#include "coulter/schedule/check.hpp"

#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <set>
#include <sstream>

namespace coulter::schedule {
namespace {

constexpr std::size_t most_files = 256;

class Includes {
public:
    Includes(const std::function<std::optional<std::string>(const std::string&)>& read,
             std::vector<Diagnostic>& diagnostics, std::vector<ScheduleText>& texts)
        : read_(read), diagnostics_(diagnostics), texts_(texts) {}

    void resolve(ScheduleFile& file) {
        open_.push_back(file.path);
        for (Statement& s : file.statements) {
            if (s.kind == Statement::Kind::include && s.included == nullptr) {
                include(file, s);
            }
        }
        open_.pop_back();
    }

private:
    void error(std::string code, const Span& span, std::string message, std::string help) {
        diagnostics_.push_back({Severity::error, std::move(code), span, std::move(message), {}, std::move(help)});
    }

    void include(const ScheduleFile& file, Statement& s) {
        const std::filesystem::path folder = std::filesystem::path(file.path).parent_path();
        const std::string path = (folder / s.source.text).lexically_normal().string();
        auto included = std::make_shared<ScheduleFile>();
        included->path = path;
        for (const std::string& each : open_) {
            if (each == path) {
                s.included = std::move(included);
                error("S091", s.source.span, fmt::format("`{}` includes itself", s.source.text),
                      "put what both need into a third file");
                return;
            }
        }
        if (!seen_.insert(path).second || seen_.size() > most_files) {
            s.included = std::move(included); // once is enough
            return;
        }
        const std::optional<std::string> text = read_(path);
        if (!text) {
            return; // expand() says so
        }
        SyntaxResult parsed = parse_schedule(*text, path);
        texts_.push_back({path, *text});
        diagnostics_.insert(diagnostics_.end(), parsed.diagnostics.begin(), parsed.diagnostics.end());
        *included = std::move(parsed.file);
        for (const Statement& each : included->statements) {
            if (each.kind == Statement::Kind::schedule || each.kind == Statement::Kind::target ||
                each.kind == Statement::Kind::numerics) {
                error("S091", each.span, "a file with this line cannot be included",
                      "`schedule`, `target` and `numerics` belong to the files that are given; an included file holds macros "
                      "and blocks");
            }
        }
        resolve(*included);
        s.included = std::move(included);
    }

    const std::function<std::optional<std::string>(const std::string&)>& read_;
    std::vector<Diagnostic>& diagnostics_;
    std::vector<ScheduleText>& texts_;
    std::vector<std::string> open_;
    std::set<std::string> seen_;
};

} // namespace

void resolve_includes(ScheduleFile& file, const std::function<std::optional<std::string>(const std::string&)>& read,
                      std::vector<Diagnostic>& diagnostics, std::vector<ScheduleText>& texts) {
    Includes(read, diagnostics, texts).resolve(file);
}

SyntaxResult parse_schedule_file(std::string_view text, const std::string& path, std::vector<ScheduleText>& texts) {
    SyntaxResult result = parse_schedule(text, path);
    const auto read = [](const std::string& file) -> std::optional<std::string> {
        std::ifstream stream(file, std::ios::binary);
        std::ostringstream content;
        if (!stream || !(content << stream.rdbuf())) {
            return std::nullopt;
        }
        return content.str();
    };
    resolve_includes(result.file, read, result.diagnostics, texts);
    return result;
}

} // namespace coulter::schedule
