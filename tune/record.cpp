#include "coulter/tune/record.hpp"

#include "coulter/fingerprint.hpp"
#include "coulter/tune/json.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace coulter::tune {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 9> names{
    "timed",  "not compiled", "compiled too long", "compiler out of memory", "code too large", "crashed", "hung",
    "failed", "wrong"};

std::string text_at(const Json& json, const char* key) {
    const auto at = json.find(key);
    if (at == json.end() || !at->is_string()) {
        throw std::runtime_error(fmt::format("`{}` is missing, or no text", key));
    }
    return at->get<std::string>();
}

const Json& at_key(const Json& json, const char* key, bool (Json::*is)() const noexcept, const char* what) {
    const auto at = json.find(key);
    if (at == json.end() || !((*at).*is)()) {
        throw std::runtime_error(fmt::format("`{}` is missing, or no {}", key, what));
    }
    return *at;
}

bool is_digest(std::string_view text) {
    return text.size() == 64 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

} // namespace

std::string size_class(std::string_view sizes) {
    std::string text;
    while (!sizes.empty()) {
        const std::size_t comma = std::min(sizes.find(','), sizes.size());
        const std::string_view item = sizes.substr(0, comma);
        const std::size_t equals = std::min(item.find('='), item.size());
        std::uint64_t extent = 0;
        if (equals < item.size()) {
            std::from_chars(item.data() + equals + 1, item.data() + item.size(), extent);
        }
        text += fmt::format("{}{}={}", text.empty() ? "" : ",", item.substr(0, equals),
                            extent == 0 ? 0 : std::bit_ceil(extent));
        sizes.remove_prefix(std::min(comma + 1, sizes.size()));
    }
    return text;
}

std::string_view name(Outcome outcome) {
    return names.at(static_cast<std::size_t>(outcome));
}

std::optional<Outcome> outcome_of(std::string_view name) {
    const auto at = std::ranges::find(names, name);
    return at == names.end() ? std::nullopt : std::optional(static_cast<Outcome>(at - names.begin()));
}

std::string comparison_name(const std::set<std::string>& schedules, const std::string& kind) {
    std::string all = kind;
    for (const std::string& each : schedules) {
        all += each;
    }
    return sha256(all);
}

std::string to_json(const Setting& setting, const Record& record) {
    const Json json{{"kernel", setting.kernel},    {"sizes", setting.sizes},          {"machine", setting.machine},
                    {"target", setting.target},    {"versions", setting.versions},    {"threads", setting.threads},
                    {"schedule", record.schedule}, {"comparison", record.comparison}, {"outcome", name(record.outcome)},
                    {"message", record.message},   {"samples", record.samples},       {"code_bytes", record.code_bytes},
                    {"choices", record.choices}};
    return print_json(json);
}

void from_json(const std::string& line, Setting& setting, Record& record) {
    const Json json = parse_json(line);
    if (json.is_discarded() || !json.is_object()) {
        throw std::runtime_error("it is no JSON object");
    }
    setting = {text_at(json, "kernel"), text_at(json, "sizes"),    text_at(json, "machine"),
               text_at(json, "target"), text_at(json, "versions"), 0};
    setting.threads = at_key(json, "threads", &Json::is_number_integer, "whole number").get<int>();
    record = {};
    record.schedule = text_at(json, "schedule");
    record.comparison = text_at(json, "comparison");
    record.message = text_at(json, "message");
    const std::string outcome = text_at(json, "outcome");
    const auto known = outcome_of(outcome);
    if (!known) {
        throw std::runtime_error(fmt::format("`{}` is no outcome", outcome));
    }
    record.outcome = *known;
    for (const Json& each : at_key(json, "samples", &Json::is_array, "list")) {
        const double seconds = each.is_number() ? each.get<double>() : -1;
        if (!(seconds > 0) || !std::isfinite(seconds)) {
            throw std::runtime_error("`samples` has what is no time");
        }
        record.samples.push_back(seconds);
    }
    record.code_bytes = at_key(json, "code_bytes", &Json::is_number_integer, "whole number").get<std::int64_t>();
    for (const auto& [choice, value] : at_key(json, "choices", &Json::is_object, "object").items()) {
        if (!value.is_string()) {
            throw std::runtime_error(fmt::format("the choice `{}` is no text", choice));
        }
        record.choices.emplace(choice, value.get<std::string>());
    }
    if (!is_digest(record.schedule) || (!record.comparison.empty() && !is_digest(record.comparison))) {
        throw std::runtime_error("`schedule` and `comparison` want 64 hexadecimal digits");
    }
    if ((record.outcome == Outcome::timed) == record.samples.empty()) {
        throw std::runtime_error("`samples` must be there for what was timed, and for nothing else");
    }
}

} // namespace coulter::tune
