// coulter tune

#include "tune_run.hpp"

#include "command.hpp"
#include "lowering.hpp"

#include <CLI/CLI.hpp>
#include <memory>

namespace coulter::cli {

void add_tune(CLI::App& app, Run& run) {
    CLI::App* const command = add_command(
        app, "tune", "Find a schedule by measuring: fill the holes of a file, and decide what no file says",
        "  coulter tune matmul.coulter -o matmul.sched\n"
        "      a whole schedule, to read, to edit and to commit\n"
        "  coulter tune matmul.coulter matmul.sched --budget 5m\n"
        "      writes the best values into matmul.sched; a later run goes on where this one ended\n"
        "  coulter tune matmul.coulter matmul.sched --sizes i=512,j=512,k=512 --threads 1 --budget 200 -o tuned.sched\n"
        "      200 candidates, and another file\n"
        "  coulter tune matmul.coulter --sizes i=64,j=64,k=64 --sizes i=4096,j=4096,k=4096 -o matmul.sched\n"
        "      one file for both: a variant for the sizes that want another schedule\n"
        "  coulter records export -o tuned.jsonl\n"
        "  coulter tune matmul.coulter matmul.sched --lock --store tuned.jsonl\n"
        "      for release builds: takes what was recorded, and measures nothing\n"
        "  coulter tune softmax.coulter --target host-cuda --rank -o softmax.sched\n"
        "      without a GPU: candidates are ranked by estimates, and not run");
    const auto options = std::make_shared<TuneRequest>();
    command->add_option("files", options->files, "a kernel and what schedule it has; one file may have holes")
        ->required()
        ->type_name("K.coulter [S.sched...]");
    command->add_option("--budget", options->budget, "time (60s, 5m, 1h) or number of measured candidates (60s)")
        ->type_name("TIME|N");
    command
        ->add_option(
            "-o,--output", options->output,
            "the tuned file (the one with the holes, in place; without holes it must be given, and the last of the "
            "files is completed in place)")
        ->type_name("S.sched");
    command
        ->add_option("--only", options->only,
                     "search the `holes`, and leave the rest to the default schedule; or the `stages` left out (both)")
        ->check(CLI::IsMember({"holes", "stages"}));
    command
        ->add_option("--sizes", options->sizes,
                     "extents in place of the estimates; several that name the same dims are classes, each with a "
                     "variant where it needs one")
        ->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "threads of the kernel (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--seed", options->seed, "of the search (1)");
    command->add_option("--store", options->store, "what was measured (coulter/tuning.db in XDG_CACHE_HOME, ~/.cache)")
        ->type_name("FILE");
    command->add_flag("--resume,!--no-resume", options->resume,
                      "use what the store has (default), or measure it again");
    CLI::Option* const lock =
        command->add_flag("--lock", options->lock, "use records only; what is missing is an error");
    command->add_option("--machine", options->machine, "with --lock: whose records (this machine's)")
        ->needs(lock)
        ->type_name("NAME");
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    CLI::Option* const rank = command->add_flag(
        "--rank", options->rank, "estimate, and measure nothing, for a target with a device (where none is there)");
    command->add_option("--arch", options->architectures, "with --rank, for CUDA: architectures (sm_80,sm_90)")
        ->needs(rank)
        ->type_name("SM,...");
    command->add_option("--tolerance", options->tolerance, "largest error over largest reference (f32: 1e-5)")
        ->check(CLI::NonNegativeNumber)
        ->excludes(rank);
    command
        ->add_option("--code-size", options->code_mib, "MiB that the object of a candidate may have (4; 0: no limit)")
        ->check(CLI::Range(0.0, 1.0e6));
    command->add_option("--jobs", options->jobs, "candidates compiled at a time (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--runtime", options->runtime, "libcoulter_runtime.a")->type_name("FILE")->excludes(rank);
    command->add_flag("--json", options->json, "JSON on standard output");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return tune_kernel(*options); }; });
}

} // namespace coulter::cli
