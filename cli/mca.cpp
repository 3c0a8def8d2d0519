#include "mca.hpp"

#include "coulter/tune/json.hpp"
#include "files.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

// Enough that the beginning does not count.
constexpr int repetitions = 400;

/// N of `llvm-mca-N`, 0 for `llvm-mca`, -1 for another name.
int version_of(const std::string& name) {
    const std::string begin = "llvm-mca";
    if (name == begin) {
        return 0;
    }
    int version = -1;
    if (name.starts_with(begin + "-")) {
        const char* const end = name.data() + name.size();
        const auto [stop, error] = std::from_chars(name.data() + begin.size() + 1, end, version);
        return error == std::errc() && stop == end ? version : -1;
    }
    return -1;
}

/// Independent multiply-adds, more of them than latency times units.
std::vector<std::string> multiply_adds(const AsmLoop& like, bool fused) {
    const char* const type = like.in_double ? "pd" : "ps";
    std::vector<std::string> block;
    for (int i = 0; i < 12; ++i) {
        if (fused) {
            const char width = like.vector_bytes == 64 ? 'z' : like.vector_bytes == 32 ? 'y' : 'x';
            block.push_back(fmt::format("vfmadd231{0} %{1}mm14, %{1}mm15, %{1}mm{2}", type, width, i));
        } else {
            block.push_back(fmt::format("{}{} %xmm15, %xmm{}", i % 2 == 0 ? "mul" : "add", type, i));
        }
    }
    return block;
}

std::string joined(const std::vector<std::string>& instructions) {
    std::string text;
    for (const std::string& instruction : instructions) {
        text += instruction + '\n';
    }
    return text;
}

class Analyser {
public:
    Analyser(std::string tool, std::string model, const Limits& limits)
        : tool_(std::move(tool)), model_(std::move(model)), limits_(limits) {}

    /// Nothing where the model does not know the processor or an instruction; error() says why.
    std::optional<McaBlock> run(const std::vector<std::string>& instructions) {
        const TemporaryDirectory scratch;
        const std::string file = (scratch.path() / "loop.s").string();
        write_file(file, joined(instructions));
        const ChildResult result = run_child({tool_, "--json", "-mtriple=x86_64-unknown-linux-gnu", "-mcpu=" + model_,
                                              fmt::format("--iterations={}", repetitions), file},
                                             limits_);
        // An unknown processor is a warning, and then some other one is modelled.
        if (result.errors.find("not a recognized processor") != std::string::npos) {
            error_ = fmt::format("it does not know {}", model_);
            return std::nullopt;
        }
        // It goes on without an instruction that it cannot read.
        const bool good = result.ok() && result.errors.find("error: ") == std::string::npos;
        auto block = good ? parse_mca(result.output) : std::nullopt;
        if (!block) {
            error_ = fmt::format("{}: {}", model_, first_error(result));
        }
        return block;
    }

    [[nodiscard]] const std::string& error() const { return error_; }

private:
    static std::string first_error(const ChildResult& result) {
        if (result.timed_out) {
            return "it took too long";
        }
        const std::size_t at = result.errors.find("error: ");
        if (at == std::string::npos) {
            return result.ok() ? "its output has no figures" : fmt::format("exit code {}", result.exit_code);
        }
        return result.errors.substr(at + 7, result.errors.find('\n', at) - at - 7);
    }

    std::string tool_;
    std::string model_;
    Limits limits_;
    std::string error_;
};

/// `llvm-mca 14.0.6`, as --version says.
std::string tool_name(const std::string& tool, const Limits& limits) {
    const std::string text = run_child({tool, "--version"}, limits).output;
    const std::size_t at = text.find("version ");
    return at == std::string::npos ? "llvm-mca"
                                   : "llvm-mca " + text.substr(at + 8, text.find_first_of(" \n", at + 8) - at - 8);
}

/// All loops by one model, or nothing where it cannot do one of them.
std::optional<std::vector<HotLoop>> by_model(Analyser& analyser, const std::vector<AsmLoop>& loops) {
    std::vector<HotLoop> all;
    for (const AsmLoop& loop : loops) {
        const auto block = analyser.run(loop.instructions);
        if (!block) {
            return std::nullopt;
        }
        HotLoop hot{loop, *block, 0};
        if (loop.in_floats) {
            // Processors without fused multiply-adds do the two in turns.
            auto peak = analyser.run(multiply_adds(loop, true));
            if (!peak) {
                peak = analyser.run(multiply_adds(loop, false));
            }
            const double lanes = static_cast<double>(loop.vector_bytes) / (loop.in_double ? 8 : 4);
            const bool fused = loop.vector_bytes > 16 || joined(loop.instructions).find("vf") != std::string::npos;
            hot.peak = peak ? (fused ? 24 : 12) * lanes / peak->cycles : 0;
        }
        all.push_back(std::move(hot));
    }
    return all;
}

} // namespace

std::string find_llvm_mca() {
    if (const char* const given = std::getenv("COULTER_LLVM_MCA"); given != nullptr && *given != '\0') {
        if (access(given, X_OK) != 0) {
            throw failure(environment, "B009", fmt::format("there is no program `{}`, where llvm-mca should be", given),
                          "COULTER_LLVM_MCA says where it is; without it, it is looked for in PATH");
        }
        return given;
    }
    const char* const path = std::getenv("PATH");
    std::istringstream folders(path == nullptr ? "" : path);
    std::string best;
    int best_version = -1;
    for (std::string folder; std::getline(folders, folder, ':');) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(folder, error)) {
            const int version = version_of(entry.path().filename().string());
            if (version > best_version && access(entry.path().c_str(), X_OK) == 0) {
                best_version = version;
                best = entry.path().string();
            }
        }
    }
    return best;
}

std::optional<McaBlock> parse_mca(const std::string& output) {
    const auto json = tune::parse_json(output);
    try {
        const auto& region = json.at("CodeRegions").at(0);
        const auto& summary = region.at("SummaryView");
        McaBlock block;
        const double iterations = summary.at("Iterations");
        block.cycles = summary.at("TotalCycles").get<double>() / iterations;
        block.micro_ops = summary.at("TotaluOps").get<double>() / iterations;
        block.dispatch_width = summary.at("DispatchWidth");
        const std::size_t instructions = region.at("Instructions").size();
        const auto& resources = json.at("TargetInfo").at("Resources");
        // The line behind the last instruction has the sums.
        for (const auto& usage : region.at("ResourcePressureView").at("ResourcePressureInfo")) {
            const double busy = usage.at("ResourceUsage");
            if (usage.at("InstructionIndex").get<std::size_t>() == instructions && busy > block.busy) {
                block.busy = busy;
                block.resource = resources.at(usage.at("ResourceIndex").get<std::size_t>());
            }
        }
        return iterations > 0 && block.cycles > 0 ? std::optional(block) : std::nullopt;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

std::string bound_of(const McaBlock& block) {
    const double front_end = block.dispatch_width > 0 ? block.micro_ops / block.dispatch_width : 0;
    if (block.cycles > 1.15 * std::max(front_end, block.busy)) {
        return "a chain of dependent instructions";
    }
    return block.busy >= front_end
               ? fmt::format("{}, busy {:.0f} % of the time", block.resource, 100 * block.busy / block.cycles)
               : fmt::format("the front end, {} micro-operations a cycle", block.dispatch_width);
}

std::vector<std::string> mca_models(const std::string& target, bool amd) {
    const auto is = [&](const char* name) { return target.find(name) != std::string::npos; };
    if (is("avx512_sapphirerapids")) {
        return {"sapphirerapids", "icelake-server", "skylake-avx512"};
    }
    if (is("avx512_zen4")) {
        return {"znver4", "icelake-server", "skylake-avx512"};
    }
    if (is("avx512")) {
        return {"skylake-avx512"};
    }
    if (is("avx2")) {
        return amd ? std::vector<std::string>{"znver3", "znver2", "haswell"} : std::vector<std::string>{"haswell"};
    }
    return amd ? std::vector<std::string>{"znver3", "znver2", "sandybridge"} : std::vector<std::string>{"sandybridge"};
}

MachineCode analyse(const std::string& tool, const std::vector<AsmLoop>& loops, const std::vector<std::string>& models,
                    const Limits& limits) {
    MachineCode code;
    code.tool = tool_name(tool, limits);
    code.wanted = models.front();
    for (const std::string& model : models) {
        Analyser analyser(tool, model, limits);
        if (auto hot = by_model(analyser, loops)) {
            code.model = model;
            code.loops = std::move(*hot);
            code.missing.clear();
            return code;
        }
        code.missing += fmt::format("{}{}", code.missing.empty() ? "" : "; ", analyser.error());
    }
    code.missing = fmt::format("{} has no figures: {}", code.tool, code.missing);
    return code;
}

std::string model_text(const MachineCode& code) {
    const std::string text = fmt::format("{} with its model of {}", code.tool, code.model);
    return code.model == code.wanted
               ? text
               : fmt::format("{}; it does not know {}, so these are figures of another processor", text, code.wanted);
}

} // namespace coulter::cli
