// The data of a plan, as an assembler source: an edited schedule then needs no C compiler's time.

#include "emit_programs.hpp"
#include "emit_signature.hpp"

#include "coulter/fingerprint.hpp"
#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/memory_order.hpp"
#include "coulter/schedule/symbols.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

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
                                                             {"cuda", 16},
                                                             {"cuda_capability_70", 22},
                                                             {"opencl", 26},
                                                             {"avx512", 40},
                                                             {"avx512_skylake", 42},
                                                             {"avx512_cannonlake", 43},
                                                             {"avx512_zen4", 44},
                                                             {"avx512_sapphirerapids", 46}};

bool uses_device(const Plan& plan) {
    return std::ranges::any_of(plan.stages, [](const StagePlan& stage) {
        return std::ranges::any_of(stage.main.loops, [](const Loop& loop) { return is_gpu(loop.kind); }) ||
               (stage.init &&
                std::ranges::any_of(stage.init->loops, [](const Loop& loop) { return is_gpu(loop.kind); }));
    });
}

// What the processor must have, and the device where the plan runs anything on it.
std::vector<std::uint64_t> feature_words(std::string_view halide_target, bool with_device) {
    std::vector<std::uint64_t> words;
    std::size_t at = 0;
    while (at <= halide_target.size()) {
        const std::size_t end = std::min(halide_target.find('-', at), halide_target.size());
        const std::string_view feature = halide_target.substr(at, end - at);
        const int bit = feature_bit(feature);
        at = end + 1;
        if (bit >= 0 && (with_device || !(feature == "opencl" || feature.starts_with("cuda")))) {
            words.resize(std::max(words.size(), static_cast<std::size_t>(bit / 64) + 1));
            words[static_cast<std::size_t>(bit / 64)] |= std::uint64_t{1} << (bit % 64);
        }
    }
    return words;
}

/// One row of the variant table.
struct Row {
    std::string name; ///< empty: the common part
    const Plan* plan = nullptr;
    const Condition* when = nullptr; ///< null: always
    Target target;
    std::vector<std::size_t> packs; ///< in the order of the arguments
};

/// A pack of the table, and what tells whether another plan's is the same data, made by the same instructions.
struct PackRow {
    std::vector<std::string> fields;
    std::string identity;
};

class PlanData {
public:
    PlanData(const ir::Kernel& kernel, const Plan& plan, const std::vector<Variant>& variants, const BuildFacts& facts)
        : kernel_(kernel), facts_(facts), arguments_(detail::arguments(kernel)) {
        // The common part first, so that it makes the packs that a variant shares with it.
        add_row({"", &plan, nullptr, facts.target, {}});
        for (const Variant& variant : variants) {
            add_row({variant.name, &variant.plan, &variant.when, variant_target(variant.when, facts.target), {}});
        }
        std::rotate(rows_.begin(), rows_.begin() + 1, rows_.end());
    }

    std::string text() {
        const auto packs = pack_table();
        const auto variants = variant_table();
        const auto programs = program_table();
        const std::string symbol = plan_symbol(kernel_.name);
        std::string out = fmt::format("# The plan of kernel {}, written by coulter.\n", kernel_.name);
        out += "    .section .data.rel.ro, \"aw\", @progbits\n    .p2align 3\n" + tables_;
        out += fmt::format("    .globl {0}\n    .hidden {0}\n    .type {0}, @object\n{0}:\n", symbol);
        out += quads({std::to_string(abi), std::to_string(programs_.programs().size()), programs,
                      std::to_string(rows_.size()), variants, std::to_string(packs_.size()), packs});
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

    void add_row(Row row) {
        for (const Pack& pack : row.plan->packs) {
            if (pack.once) {
                add_pack(row, pack);
            }
        }
        rows_.push_back(std::move(row));
    }

    void add_pack(Row& row, const Pack& pack) {
        const Plan& plan = *row.plan;
        const auto source = std::ranges::find(arguments_, pack.source, &detail::Argument::name);
        if (source == arguments_.end()) {
            return; // a const's copy is no argument
        }
        COULTER_INTERNAL_ASSERT(source->frozen);
        const auto stage = std::ranges::find(plan.stages, pack.stage, &StagePlan::name);
        COULTER_INTERNAL_ASSERT(stage != plan.stages.end());
        const ir::Definition& definition = *plan.kernel.find_definition(pack.stage);
        std::string identity = fmt::format("{} {} {}", pack.stage, row.target.name, fingerprint(definition));
        std::vector<std::string> extents;
        for (const std::string& dim : memory_order(plan.kernel, definition, *stage)) {
            auto compiled = detail::compile_size(ir::extent_node(dim), kernel_.dims, plan.kernel);
            COULTER_INTERNAL_ASSERT(compiled.has_value());
            extents.push_back(std::to_string(programs_.add(std::move(*compiled))));
            identity += fmt::format(" {} {}", dim, extents.back());
        }
        const auto same = std::ranges::find(packs_, identity, &PackRow::identity);
        row.packs.push_back(static_cast<std::size_t>(same - packs_.begin()));
        if (same != packs_.end()) {
            return;
        }
        const Type type = definition.types.front();
        packs_.push_back(
            {{string(pack.stage), std::to_string(source - arguments_.begin()), std::to_string(detail::dl_code(type)),
              std::to_string(bits(type)), std::to_string(extents.size()), table(extents),
              pack_symbol(kernel_.name, pack.stage, row.name) + "_argv", "1"},
             identity});
    }

    std::string pack_table() {
        std::vector<std::string> fields;
        for (const PackRow& pack : packs_) {
            fields.insert(fields.end(), pack.fields.begin(), pack.fields.end());
        }
        return table(fields);
    }

    std::string variant_table() {
        std::vector<std::string> fields;
        for (const Row& row : rows_) {
            std::string condition = "-1";
            if (row.when != nullptr && row.when->extents) {
                auto compiled = detail::compile_condition(row.when->extents, kernel_);
                COULTER_INTERNAL_ASSERT(compiled.has_value());
                condition = std::to_string(programs_.add(std::move(*compiled)));
            }
            std::vector<std::string> words;
            for (const std::uint64_t word : feature_words(row.target.halide, uses_device(*row.plan))) {
                words.push_back(fmt::format("{:#x}", word));
            }
            std::vector<std::string> packs;
            for (const std::size_t index : row.packs) {
                packs.push_back(std::to_string(index));
            }
            const std::string count = std::to_string(packs.size());
            if (packs.empty() && !packs_.empty()) {
                packs.emplace_back("0"); // not read; without a table the plan's packs would all be taken
            }
            const std::vector<std::string> row_fields{main_symbol(kernel_.name, row.name) + "_argv",
                                                      condition,
                                                      row.when != nullptr && row.when->compact ? "1" : "0",
                                                      std::to_string(row.when != nullptr ? row.when->alignment : 1),
                                                      std::to_string(words.size()),
                                                      table(words),
                                                      count,
                                                      table(packs)};
            fields.insert(fields.end(), row_fields.begin(), row_fields.end());
        }
        return table(fields);
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
    const BuildFacts& facts_;
    std::vector<detail::Argument> arguments_;
    std::vector<Row> rows_;
    std::vector<PackRow> packs_;
    detail::ProgramTable programs_;
    std::string tables_;
    std::string strings_;
    int next_table_ = 0;
    int next_string_ = 0;
};

} // namespace

int feature_bit(std::string_view feature) {
    const auto* const at = std::ranges::find(feature_bits, feature, &std::pair<std::string_view, int>::first);
    return at == std::end(feature_bits) ? -1 : at->second;
}

std::string plan_data(const ir::Kernel& kernel, const Plan& plan, const std::vector<Variant>& variants,
                      const BuildFacts& facts) {
    return PlanData(kernel, plan, variants, facts).text();
}

} // namespace coulter::schedule
