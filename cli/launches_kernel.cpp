// A kernel and NVIDIA's assembler: what is compiled for which architectures.

#include "files.hpp"
#include "launches.hpp"
#include "lowering.hpp"
#include "variants.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <sstream>

namespace coulter::cli {
namespace fs = std::filesystem;

std::vector<std::string> parse_architectures(const std::vector<std::string>& words) {
    const std::vector<std::string> known = architectures();
    std::vector<std::string> wanted;
    for (const std::string& word : words) {
        std::istringstream items(word);
        for (std::string item; std::getline(items, item, ',');) {
            if (item.empty()) {
                throw Failure(
                    usage,
                    fmt::format("error: `{}` lacks the name of an architecture\nhelp: --arch sm_80,sm_90\n", word));
            }
            if (std::ranges::find(known, item) == known.end()) {
                const std::string close = closest_match(item, known);
                throw Failure(usage, fmt::format("error: --arch does not know `{}`\nhelp: {}known are {}\n", item,
                                                 close.empty() ? "" : fmt::format("did you mean `{}`? ", close),
                                                 quoted_list(known)));
            }
            if (std::ranges::find(wanted, item) == wanted.end()) {
                wanted.push_back(item);
            }
        }
    }
    return wanted.empty() ? std::vector<std::string>{"sm_80", "sm_90"} : wanted;
}

void require_cuda(const std::string& option, const std::string& target) {
    const schedule::Device device = schedule::device_of(target);
    if (device != schedule::Device::cuda) {
        const bool plain = !target.empty() && device == schedule::Device::none;
        throw Failure(usage, fmt::format("error: {} is about a target with a CUDA device\nhelp: --target {}-cuda\n",
                                         option, plain ? target : "host"));
    }
}

DeviceCode assemble_all(const Assembler& assembler, const schedule::Plan& plan, const std::string& ptx,
                        const std::string& cubin, const Limits& limits) {
    DeviceCode code;
    code.tool = ptxas_name(assembler.tool, limits);
    code.registers = most_registers();
    const std::string source = read_file(ptx);
    if (source.empty()) {
        code.missing = fmt::format("no stage of `{}` runs on a device", plan.kernel.name);
        return code;
    }
    const std::vector<Launch> launches = launches_of(source, plan.kernel);
    for (const std::string& each : assembler.architectures) {
        const std::string file = fmt::format("{}.{}.cubin", cubin, each);
        code.architectures.push_back(figures(assemble(assembler.tool, each, ptx, file, limits), launches));
    }
    return code;
}

DeviceCode device_code(const Work& work, const std::string& part, const std::string& target, const Assembler& assembler,
                       const Limits& limits) {
    const TemporaryDirectory scratch;
    LowerRequest request;
    request.work = &work;
    request.target = target;
    request.device = (scratch.path() / "kernels.ptx").string();
    request.variant = work.variants.empty() ? "" : part;
    request.limits = limits;
    request.repro = fs::temp_directory_path();
    run_lower(request);
    return assemble_all(assembler, plan_of_part(work, part), request.device, (scratch.path() / "kernels").string(),
                        limits);
}

std::optional<DeviceCode> device_code_if_any(const Work& work, const std::string& part, const std::string& target,
                                             const Limits& limits) {
    if (schedule::device_of(target) != schedule::Device::cuda) {
        return std::nullopt;
    }
    const Assembler assembler{find_ptxas(), parse_architectures({})};
    if (assembler.tool.empty()) {
        DeviceCode code;
        code.missing = no_ptxas;
        return code;
    }
    try {
        return device_code(work, part, target, assembler, limits);
    } catch (const Failure& failure) {
        if (interrupted() != 0) {
            throw;
        }
        // The figures are an extra here: an assembler that is too old does not keep the rest away.
        const std::string text = failure.what();
        DeviceCode code;
        code.missing = text.substr(0, text.find('\n'));
        return code;
    }
}

} // namespace coulter::cli
