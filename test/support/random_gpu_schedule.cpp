// Random schedules for a device: kernels of several shapes, and producers in their blocks and threads.

#include "support/random_schedule.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <random>

namespace coulter::test {
namespace {

using Names = std::vector<std::string>;

class Draft {
public:
    Draft(const ir::Kernel& kernel, std::uint64_t seed) : kernel_(kernel), random_(seed) {}

    std::string run() {
        text_ = fmt::format("schedule {}\ntarget x86-64-opencl\n", kernel_.name);
        for (auto each = kernel_.definitions.rbegin(); each != kernel_.definitions.rend(); ++each) {
            stage(*each);
        }
        return text_;
    }

private:
    /// A stage with a kernel of its own, and loops in which others can be computed.
    struct Host {
        std::string block;  ///< the innermost
        std::string thread; ///< the innermost
    };

    bool chance(unsigned in) { return random_() % in == 0; }

    void stage(const ir::Definition& definition) {
        const bool map = !definition.reduction && !definition.scan;
        const bool output = kernel_.is_output(definition.name);
        if (!output && map && chance(4)) {
            text_ += fmt::format("stage {} {{ compute inline }}\n", definition.name);
        } else if (const std::string host = output ? "" : only_reader(definition.name); !host.empty() && !chance(3)) {
            place(definition, host);
        } else if (!definition.dims.empty() && !chance(6)) {
            launch(definition);
        }
    }

    /// The one stage that reads another, where it has a kernel.
    std::string only_reader(const std::string& name) const {
        Names readers;
        for (const ir::Definition& each : kernel_.definitions) {
            if (std::ranges::count(ir::reads(each), name) > 0) {
                readers.push_back(each.name);
            }
        }
        return readers.size() == 1 && hosts_.contains(readers[0]) ? readers[0] : "";
    }

    void place(const ir::Definition& definition, const std::string& host) {
        const Host& at = hosts_.at(host);
        if (chance(2)) {
            text_ += fmt::format("stage {} {{ compute at {}/{} }}\n", definition.name, host, at.thread);
            return;
        }
        std::string threads;
        if (!definition.dims.empty() && !chance(4)) {
            const std::string dim = schedule::display_name(definition.dims[random_() % definition.dims.size()]);
            Names order;
            for (const std::string& each : definition.dims) {
                const std::string shown = schedule::display_name(each);
                order.push_back(shown == dim ? dim + ".o" : shown);
            }
            threads = fmt::format("; split {} by {}; reorder {}.i {}; gpu_threads {}.i", dim, factor(), dim,
                                  fmt::join(order, " "), dim);
        }
        text_ += fmt::format("stage {} {{ compute at {}/{}{}{} }}\n", definition.name, host, at.block, threads,
                             chance(2) ? "; store in heap" : "");
    }

    int factor() { return 2 << random_() % 4; }

    void launch(const ir::Definition& definition) {
        const bool accumulates = definition.reduction && definition.reduction->into.empty() && chance(3);
        std::string body;
        Names serial;
        for (const std::string& dim : definition.dims) {
            serial.push_back(schedule::display_name(dim));
        }
        std::shuffle(serial.begin(), serial.end(), random_);
        Names threads;
        Names blocks;
        const std::size_t most = serial.size() > 1 && chance(3) ? 2 : 1;
        while (threads.size() < most) {
            const std::string dim = serial.back();
            serial.pop_back();
            body += fmt::format("split {} by {}; ", dim, most == 2 ? 2 << random_() % 3 : factor());
            threads.push_back(dim + ".i");
            blocks.push_back(dim + ".o");
        }
        while (!serial.empty() && blocks.size() < 3 && chance(2)) {
            blocks.push_back(serial.back());
            serial.pop_back();
        }
        // Blocks have to be outermost: what is left is inside of the threads or between.
        Names order;
        Names between;
        if (!serial.empty() && chance(3) && !definition.reduction) {
            body += fmt::format("split {0} by 4; ", serial.back());
            order.push_back(serial.back() + ".i");
            serial.back() += ".o";
        }
        const bool vectorizes = !order.empty();
        for (const std::string& each : serial) {
            (chance(4) ? between : order).push_back(each);
        }
        if (definition.reduction && !accumulates && chance(4)) {
            for (auto dim = definition.reduction->dims.rbegin(); dim != definition.reduction->dims.rend(); ++dim) {
                between.push_back(schedule::display_name(*dim));
            }
        }
        for (const Names* part : {&threads, &between, &blocks}) {
            order.insert(order.end(), part->begin(), part->end());
        }
        body += fmt::format("reorder {}; gpu_blocks {}; gpu_threads {}", fmt::join(order, " "), fmt::join(blocks, " "),
                            fmt::join(threads, " "));
        if (vectorizes) {
            body += fmt::format("; {} {}", chance(2) ? "vectorize" : "unroll", order.front());
        }
        const std::string& name = definition.name;
        if (accumulates) {
            text_ += fmt::format("stage {0}.acc = accumulate {0} at {0}/{1}\n", name, threads.front());
        } else {
            hosts_[name] = {blocks.front(), threads.front()};
        }
        text_ += fmt::format("stage {} {{ {} }}\n", name, body);
    }

    const ir::Kernel& kernel_;
    std::mt19937_64 random_;
    std::string text_;
    std::map<std::string, Host> hosts_;
};

} // namespace

std::string random_gpu_schedule(const ir::Kernel& kernel, std::uint64_t seed) {
    return Draft(kernel, seed).run();
}

} // namespace coulter::test
