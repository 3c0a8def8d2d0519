// Kernels of the models as cubins: NVIDIA's assembler keeps all values in registers, for the default schedules and for
// those that are written by hand.

#include "device.hpp"
#include "models/kernels.hpp"
#include "models/networks.hpp"
#include "support/json.hpp"
#include "support/run_options.hpp"

#include "coulter/text.hpp"

#include <cstdio>
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

using namespace coulter;
using namespace coulter::test;
namespace fs = std::filesystem;

namespace {

void skip_without_ptxas() {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const Ran ran = folder.coulter({"show", "tiny.coulter", "--as", "launches", "--target", "host-cuda"});
    if (contains(ran.err, "there is no ptxas here")) {
        std::printf("SKIPPED: there is no ptxas here (CUDA toolkit)\n");
        std::fflush(stdout);
        std::_Exit(77);
    }
}

/// The kernels of all launches fit, and there is one. The long form tells the worst of them.
void check_launches(const Folder& folder, const std::vector<std::string>& files, const std::string& what) {
    std::vector<std::string> command{"show"};
    command.insert(command.end(), files.begin(), files.end());
    command.insert(command.end(), {"--as", "launches", "--json", "--target", "x86-64-avx2-cuda"});
    const Ran ran = folder.coulter(command);
    CAPTURE(what);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto json = parse_json(ran.out);
    for (const auto& part : json.at("parts")) {
        CHECK(part.at("most_registers") == 64);
        CHECK(part.at("architectures").size() == 2);
        for (const auto& each : part.at("architectures")) {
            std::int64_t registers = 0;
            std::int64_t shared = 0;
            double least = 1;
            CHECK_FALSE(each.at("launches").empty());
            for (const auto& launch : each.at("launches")) {
                CAPTURE(launch.dump());
                CHECK(launch.at("spill_store_bytes") == 0);
                CHECK(launch.at("spill_load_bytes") == 0);
                CHECK(launch.at("blocks_at_once") >= 1);
                registers = std::max<std::int64_t>(registers, launch.at("registers"));
                shared = std::max<std::int64_t>(shared, launch.at("shared_bytes"));
                least = std::min<double>(least, launch.at("occupancy"));
            }
            if (is_long_run()) {
                MESSAGE(fmt::format("{}, {}: {} launches, at most {} registers and {} B of shared memory, occupancy at "
                                    "least {:.0f} %",
                                    what, each.at("architecture").get<std::string>(), each.at("launches").size(),
                                    registers, shared, 100 * least));
            }
        }
    }
}

std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

const std::set<std::string> short_form{"matmul", "softmax", "conv_capsules", "reductions"};

} // namespace

TEST_CASE("no launch of a default schedule spills registers") {
    skip_without_ptxas();
    std::size_t count = 0;
    std::vector<KernelFactory> all = models::kernels();
    all.insert(all.end(), models::networks().begin(), models::networks().end());
    for (const KernelFactory& factory : all) {
        if (!is_long_run() && !short_form.contains(factory.name)) {
            continue;
        }
        const Folder folder;
        write_kernel(factory.make(Params{}).ir(), folder.path()); // constants too
        check_launches(folder, {factory.name + ".coulter"}, factory.name + ", default schedule");
        ++count;
    }
    CHECK(count >= short_form.size());
}

TEST_CASE("no launch of a hand-written schedule spills registers") {
    skip_without_ptxas();
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(COULTER_TEST_DIR).parent_path() / "models/schedules")) {
        std::string text = text_of(entry.path());
        const std::string target = "target x86-64-opencl\n";
        const std::string name = entry.path().filename().string();
        const std::string kernel = name.substr(0, name.find('.'));
        if (text.find(target) == std::string::npos || (!is_long_run() && !short_form.contains(kernel))) {
            continue;
        }
        // What they say is about any device.
        text.replace(text.find(target), target.size(), "target x86-64-cuda\n");
        const auto factory = std::ranges::find(models::kernels(), kernel, &KernelFactory::name);
        REQUIRE(factory != models::kernels().end());
        const Folder folder;
        folder.write("k.coulter", print(factory->make(Params{}).ir()));
        folder.write("k.sched", text);
        check_launches(folder, {"k.coulter", "k.sched"}, name);
        ++count;
    }
    CHECK(count >= 3);
}
