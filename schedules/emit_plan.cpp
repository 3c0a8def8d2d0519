// The data of a plan, as an assembler source: an edited schedule then needs no C compiler's time.

#include "emit_programs.hpp"
#include "emit_signature.hpp"

#include "coulter/fingerprint.hpp"
#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/memory_order.hpp"
#include "coulter/schedule/symbols.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace coulter::schedule {
namespace {

constexpr int abi = 1; // COULTER_ABI; a test compares them

// halide_target_feature_t of Halide 21; a test compares them with its header.
constexpr std::pair<std::string_view, int> feature_bits[] = {{"sse41", 5},
                                                             {"avx", 6},
                                                             {"avx2", 7},
                                                             {"avxvnni", 8},
                                                             {"fma", 9},
                                                             {"f16c", 11},
                                                             {"avx512", 40},
                                                             {"avx512_skylake", 42},
                                                             {"avx512_cannonlake", 43},
                                                             {"avx512_zen4", 44},
                                                             {"avx512_sapphirerapids", 46}};

std::vector<std::uint64_t> feature_words(std::string_view halide_target) {
    std::vector<std::uint64_t> words;
    std::size_t at = 0;
    while (at <= halide_target.size()) {
        const std::size_t end = std::min(halide_target.find('-', at), halide_target.size());
        const int bit = feature_bit(halide_target.substr(at, end - at));
        at = end + 1;
        if (bit >= 0) {
            words.resize(std::max(words.size(), static_cast<std::size_t>(bit / 64) + 1));
            words[static_cast<std::size_t>(bit / 64)] |= std::uint64_t{1} << (bit % 64);
        }
    }
    return words;
}

class PlanData {
public:
    PlanData(const ir::Kernel& kernel, const Plan& plan, const BuildFacts& facts)
        : kernel_(kernel), plan_(plan), facts_(facts), arguments_(detail::arguments(kernel)) {}

    std::string text() {
        const auto packs = pack_table();
        const auto variants = variant_table();
        const auto programs = program_table();
        const std::string symbol = plan_symbol(kernel_.name);
        std::string out = fmt::format("# The plan of kernel {}, written by coulter.\n", kernel_.name);
        out += "    .section .data.rel.ro, \"aw\", @progbits\n    .p2align 3\n" + tables_;
        out += fmt::format("    .globl {0}\n    .hidden {0}\n    .type {0}, @object\n{0}:\n", symbol);
        out += quads({std::to_string(abi), std::to_string(programs_.programs().size()), programs, "1", variants,
                      std::to_string(pack_count_), packs});
        out += quads(build_info());
        out += fmt::format("    .size {0}, . - {0}\n", symbol);
        out += "    .section .rodata\n" + strings_;
        return out + "    .section .note.GNU-stack, \"\", @progbits\n";
    }

private:
    static std::string quads(const std::vector<std::string>& values) {
        std::string out;
        for (const std::string& value : values) {
            out += "    .quad " + value + '\n';
        }
        return out;
    }

    /// A table with a label of its own, or "0" when it is empty.
    std::string table(const std::vector<std::string>& values) {
        if (values.empty()) {
            return "0";
        }
        const std::string label = fmt::format(".Ltable{}", next_table_++);
        tables_ += label + ":\n" + quads(values);
        return label;
    }

    std::string string(std::string_view text) {
        const std::string label = fmt::format(".Lstring{}", next_string_++);
        strings_ += label + ":\n";
        // In pieces: some assemblers limit the length of a line.
        do {
            const std::string_view piece = text.substr(0, 120);
            strings_ += "    .ascii " + detail::c_string(piece) + '\n';
            text.remove_prefix(piece.size());
        } while (!text.empty());
        strings_ += "    .byte 0\n";
        return label;
    }

    std::string extent_program(const std::string& dim) {
        auto compiled = detail::compile_size(ir::extent_node(dim), kernel_.dims, plan_.kernel);
        COULTER_INTERNAL_ASSERT(compiled.has_value());
        return std::to_string(programs_.add(std::move(*compiled)));
    }

    std::string pack_table() {
        std::vector<std::string> rows;
        for (const Pack& pack : plan_.packs) {
            if (!pack.once) {
                continue;
            }
            const auto source = std::ranges::find(arguments_, pack.source, &detail::Argument::name);
            if (source == arguments_.end()) {
                continue; // a const's copy is no argument
            }
            COULTER_INTERNAL_ASSERT(source->frozen);
            const auto stage = std::ranges::find(plan_.stages, pack.stage, &StagePlan::name);
            COULTER_INTERNAL_ASSERT(stage != plan_.stages.end());
            const ir::Definition& definition = *plan_.kernel.find_definition(pack.stage);
            std::vector<std::string> extents;
            for (const std::string& dim : memory_order(plan_.kernel, definition, *stage)) {
                extents.push_back(extent_program(dim));
            }
            const Type type = definition.types.front();
            const std::vector<std::string> row{string(pack.stage),
                                               std::to_string(source - arguments_.begin()),
                                               std::to_string(detail::dl_code(type)),
                                               std::to_string(bits(type)),
                                               std::to_string(extents.size()),
                                               table(extents),
                                               pack_symbol(kernel_.name, pack.stage) + "_argv",
                                               "1"};
            rows.insert(rows.end(), row.begin(), row.end());
            ++pack_count_;
        }
        return table(rows);
    }

    std::string variant_table() {
        std::vector<std::string> words;
        for (const std::uint64_t word : feature_words(facts_.target.halide)) {
            words.push_back(fmt::format("{:#x}", word));
        }
        const std::string count = std::to_string(words.size());
        return table({main_symbol(kernel_.name) + "_argv", "-1", "0", "1", count, table(words), "0", "0"});
    }

    std::string program_table() {
        std::vector<std::string> rows;
        for (const detail::SizeProgram& program : programs_.programs()) {
            std::vector<std::string> steps;
            for (const detail::SizeStep& step : program) {
                steps.push_back(std::to_string(static_cast<std::int64_t>(step.op)));
                steps.push_back(std::to_string(step.value));
            }
            rows.push_back(std::to_string(program.size()));
            rows.push_back(table(steps));
        }
        return table(rows);
    }

    std::vector<std::string> build_info() {
        const std::string fingerprint = sha256(facts_.schedule + '\0' + facts_.target.name).substr(0, 16);
        const auto& estimate = facts_.estimate;
        const bool counted = estimate && std::isfinite(estimate->flops) && estimate->flops < 9.0e18;
        return {string(facts_.schedule),
                string(fingerprint),
                string(facts_.target.halide),
                string(facts_.coulter_version),
                string(facts_.halide_version),
                counted ? std::to_string(static_cast<std::int64_t>(estimate->flops)) : "-1",
                estimate ? std::to_string(estimate->argument_bytes) : "-1"};
    }

    const ir::Kernel& kernel_;
    const Plan& plan_;
    const BuildFacts& facts_;
    std::vector<detail::Argument> arguments_;
    detail::ProgramTable programs_;
    std::string tables_;
    std::string strings_;
    int next_table_ = 0;
    int next_string_ = 0;
    int pack_count_ = 0;
};

} // namespace

int feature_bit(std::string_view feature) {
    const auto* const at = std::ranges::find(feature_bits, feature, &std::pair<std::string_view, int>::first);
    return at == std::end(feature_bits) ? -1 : at->second;
}

std::string plan_data(const ir::Kernel& kernel, const Plan& plan, const BuildFacts& facts) {
    return PlanData(kernel, plan, facts).text();
}

} // namespace coulter::schedule
