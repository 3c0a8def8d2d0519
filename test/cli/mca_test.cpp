// Loops of an assembly, and what llvm-mca says of them: from texts, and from the tool where there is one.

#include "../../cli/mca.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

using namespace coulter::cli;

// In the program main.cpp has it.
namespace coulter::cli {
Failure failure(Exit exit, const std::string& code, const std::string& message, const std::string& /*help*/) {
    return {exit, code + ": " + message};
}
} // namespace coulter::cli

namespace {

// As LLVM 21 writes it: two stages, one of them with a loop that is copied for what is left over.
const char* const assembly = R"(
	.text
tiny__main:                             # @tiny__main
	testl	%ecx, %ecx
	jle	.LBB0_9
.LBB0_1:                                # %"1_for_product.s0.i"
                                        # =>This Loop Header: Depth=1
	vxorps	%xmm0, %xmm0, %xmm0
.LBB0_2:                                # %"2_for_product_1acc.s1.k.k_1o.us"
                                        #   Parent Loop BB0_1 Depth=1
                                        # =>  This Inner Loop Header: Depth=2
	vbroadcastss	(%rdi,%rax,4), %ymm4
	vfmadd231ps	(%rsi,%rax,8), %ymm4, %ymm0 # ymm0 = (ymm4 * mem) + ymm0
	vfmadd231ps	32(%rsi,%rax,8), %ymm4, %ymm1
	je	.LBB0_3
	incq	%rax
.LBB0_3:
	cmpq	%rax, %rcx
	jne	.LBB0_2
.LBB0_4:                                # %"3_for_product_1acc.s1.k.us12"
	vfmadd231ss	(%rsi), %xmm4, %xmm0
	jne	.LBB0_4
	addsd	%xmm1, %xmm2
	jne	.LBB0_1
.LBB0_9:
	retq
other:
.LBB1_1:                                # %"4_for_sum_20_3$1.s0.j"
	vpaddd	%zmm0, %zmm1, %zmm1
	vmulpd	%zmm2, %zmm3, %zmm2
	jne	.LBB1_1
.LBB1_2:
	movq	(%rax), %rbx
	jne	.LBB1_2
	retq
)";

std::string sample() {
    std::ifstream file(COULTER_TEST_DIR "/cli/mca_sample.json");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("innermost loops with arithmetic are found, named and counted") {
    const std::vector<AsmLoop> loops = innermost_loops(assembly);
    REQUIRE(loops.size() == 3);
    CHECK(loops[0].label == ".LBB0_2");
    CHECK(loops[0].stage == "product.acc");
    CHECK(loops[0].loop == "k.o");
    CHECK(loops[0].depth == 2);
    CHECK(loops[0].instructions.size() == 7);
    CHECK(loops[0].instructions[1] == "vfmadd231ps\t(%rsi,%rax,8), %ymm4, %ymm0");
    CHECK(loops[0].operations == 2 * 2 * 8);
    CHECK(loops[0].vector_bytes == 32);
    CHECK(loops[0].in_floats);
    CHECK_FALSE(loops[0].in_double);
    CHECK(loops[1].stage == "product.acc");
    CHECK(loops[1].loop == "k");
    CHECK(loops[1].operations == 2);
    CHECK(loops[2].stage == "sum[0]");
    CHECK(loops[2].depth == 1);
    CHECK(loops[2].operations == 16 + 8);
    CHECK(loops[2].vector_bytes == 64);
    CHECK(loops[2].in_double);
}

TEST_CASE("the hottest loops are those of the stages with the most operations") {
    const std::vector<AsmLoop> loops = innermost_loops(assembly);
    const auto names = [&](const std::map<std::string, double>& operations,
                           const std::vector<std::pair<std::string, std::string>>& hosts, std::size_t count) {
        std::string text;
        for (const AsmLoop& loop : hottest(loops, operations, hosts, count)) {
            text += loop.label + ' ';
        }
        return text;
    };
    CHECK(names({{"product.acc", 100}, {"sum[0]", 50}}, {}, 3) == ".LBB0_2 .LBB1_1 ");
    CHECK(names({{"product.acc", 100}, {"sum[0]", 500}}, {}, 3) == ".LBB1_1 .LBB0_2 ");
    CHECK(names({{"product.acc", 100}, {"sum[0]", 500}}, {}, 1) == ".LBB1_1 ");
    CHECK(names({{"product.acc", 100}, {"sum[0]", 3}}, {}, 3) == ".LBB0_2 ");
    // A stage without a loop of its own is in that of its host, or in the host's host.
    CHECK(names({{"product.acc", 100}, {"inner", 900}, {"sum[0]", 1}}, {{"inner", "middle"}, {"middle", "sum[0]"}},
                1) == ".LBB1_1 ");
    // Where nothing is known of the stages, arithmetic and depth decide.
    CHECK(names({}, {}, 1) == ".LBB0_2 ");
    CHECK(hottest({}, {}, {}, 3).empty());
}

TEST_CASE("the analyser's output is read, and what is none is nothing") {
    const auto block = parse_mca(sample());
    REQUIRE(block);
    CHECK(block->cycles == doctest::Approx(2011.0 / 400));
    CHECK(block->micro_ops == doctest::Approx(8));
    CHECK(block->dispatch_width == 4);
    CHECK(block->resource == "HWPort2");
    CHECK(block->busy == doctest::Approx(1.5));
    CHECK(bound_of(*block) == "a chain of dependent instructions");
    CHECK_FALSE(parse_mca(""));
    CHECK_FALSE(parse_mca("{}"));
    CHECK_FALSE(parse_mca("{\"CodeRegions\": []}"));
    CHECK_FALSE(parse_mca("error: unknown"));
    std::string broken = sample();
    broken.replace(broken.find("\"TotalCycles\""), 13, "\"Cycles\"     ");
    CHECK_FALSE(parse_mca(broken));
}

TEST_CASE("what bounds a block") {
    McaBlock block{10, 24, 4, "Port0", 9.5};
    CHECK(bound_of(block) == "Port0, busy 95 % of the time");
    block.micro_ops = 39;
    block.busy = 5;
    CHECK(bound_of(block) == "the front end, 4 micro-operations a cycle");
    block.micro_ops = 24;
    CHECK(bound_of(block) == "a chain of dependent instructions");
}

TEST_CASE("models of processors that a target is for come first, and then their like") {
    CHECK(mca_models("x86-64-avx512_zen4", true) ==
          std::vector<std::string>{"znver4", "icelake-server", "skylake-avx512"});
    CHECK(mca_models("x86-64-avx512_sapphirerapids", false).front() == "sapphirerapids");
    CHECK(mca_models("x86-64-avx512", false) == std::vector<std::string>{"skylake-avx512"});
    CHECK(mca_models("x86-64-avx2", true).front() == "znver3");
    CHECK(mca_models("x86-64-avx2", false) == std::vector<std::string>{"haswell"});
    CHECK(mca_models("x86-64-sse41-opencl", false) == std::vector<std::string>{"sandybridge"});
}

TEST_CASE("the tool itself") {
    const std::string tool = find_llvm_mca();
    if (tool.empty()) {
        MESSAGE("there is no llvm-mca here");
        return;
    }
    std::vector<AsmLoop> loops = innermost_loops(assembly);
    loops.resize(1);
    const MachineCode code = analyse(tool, loops, {"no-such-processor", "haswell"}, Limits{});
    REQUIRE_MESSAGE(code.missing.empty(), code.missing);
    CHECK(code.tool.starts_with("llvm-mca "));
    CHECK(code.wanted == "no-such-processor");
    CHECK(code.model == "haswell");
    CHECK(model_text(code).ends_with("with its model of haswell; it does not know no-such-processor, so these are "
                                     "figures of another processor"));
    REQUIRE(code.loops.size() == 1);
    // Two multiply-adds of eight lanes in each of two units a cycle at most; each waits five cycles for its sum.
    CHECK(code.loops[0].peak == doctest::Approx(32).epsilon(0.05));
    CHECK(code.loops[0].block.cycles == doctest::Approx(5).epsilon(0.1));
    CHECK(code.loops[0].share() == doctest::Approx(0.2).epsilon(0.1));
    CHECK(bound_of(code.loops[0].block) == "a chain of dependent instructions");

    const MachineCode unknown = analyse(tool, loops, {"no-such-processor"}, Limits{});
    CHECK(unknown.missing.ends_with(" has no figures: it does not know no-such-processor"));
    loops[0].instructions.emplace_back("nosuchinstruction %rax");
    const MachineCode refused = analyse(tool, loops, {"haswell"}, Limits{});
    CHECK(refused.loops.empty());
    CHECK(refused.missing.find("has no figures: haswell: ") != std::string::npos);
}
