// Trains a network of capsules: loss, gradient and optimiser are kernels that Coulter generated.
//
//   coulter-train --data models/data/digits.safetensors --checkpoint run.safetensors --page run.html
//
// --help lists the options. Exit codes: 0 good; 2 the command line; 4 a file, or a call that failed.

#include "checkpoint.hpp"
#include "options.hpp"
#include "page.hpp"
#include "progress.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <thread>

namespace train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The median of a step's time in milliseconds, behind ten steps to warm up.
double median_step(coulter::Context& context, Trainer<float>& trainer, State<float>& state, std::int64_t steps) {
    std::vector<double> times;
    for (std::int64_t i = -10; i < steps; ++i) {
        const auto start = Clock::now();
        trainer.step(context, state);
        if (i >= 0) {
            times.push_back(1e3 * seconds_since(start));
        }
    }
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

State<float> begin(const Options& options, const Checkpoint& run, const std::vector<Parameter>& parameters) {
    if (options.resume) {
        return read_checkpoint(options.checkpoint, run, parameters);
    }
    if (!options.checkpoint.empty() && std::filesystem::exists(options.checkpoint)) {
        throw UsageError(options.checkpoint.string() +
                         " is there already: --resume goes on with it; remove it to begin anew");
    }
    return first_state<float>(parameters, run.settings.seed);
}

/// Steps until the run is done, with checkpoints on the way.
void train(coulter::Context& context, Network<float>& network, const DataSet& data, const Options& options,
           Checkpoint& run) {
    Trainer<float> trainer(network, data.train, run.settings);
    Progress progress(std::cout, run.settings.steps, trainer.steps_per_epoch(), data.held_out.count());
    State<float>& state = run.state;
    while (state.step() < run.settings.steps) {
        trainer.step(context, state);
        if (!std::isfinite(state.losses.back())) {
            throw coulter::Error(COULTER_ERROR_FORMAT, "the loss of step " + std::to_string(state.step()) +
                                                           " is no number: a lower --rate may help");
        }
        const bool is_last = state.step() == run.settings.steps;
        const bool ends_epoch = state.step() % trainer.steps_per_epoch() == 0;
        if (ends_epoch || is_last) {
            state.right.push_back(static_cast<std::int32_t>(network.right(context, data.held_out, state.weights)));
        }
        if (!options.checkpoint.empty() && (is_last || state.step() % options.save_every == 0)) {
            write_checkpoint(options.checkpoint, run, network.parameters());
        }
        progress.show(state, ends_epoch || is_last);
    }
}

int run(Options options) {
    const DataSet data = read_data(options.data, network_kind().shape);
    Settings& settings = options.settings;
    if (settings.batch > data.train.count()) {
        throw UsageError("--batch is " + std::to_string(settings.batch) + ", and " + options.data.string() + " has " +
                         std::to_string(data.train.count()) + " images to train with");
    }
    if (settings.steps == 0) {
        const double steps = std::ceil(options.epochs * static_cast<double>(data.train.count() / settings.batch));
        if (steps > 1e9) {
            throw UsageError("--epochs makes more than 1000000000 steps");
        }
        settings.steps = static_cast<std::int64_t>(steps);
    }
    const std::unique_ptr<Network<float>> network = network_kind().make();
    coulter::Context context;
    context.set_threads(options.threads > 0 ? options.threads
                                            : std::max(1, static_cast<int>(std::thread::hardware_concurrency())));

    Checkpoint run{network_kind().name, settings, digest(data), {}};
    if (options.time > 0) {
        run.state = first_state<float>(network->parameters(), settings.seed);
        settings.steps = options.time + 10;
        Trainer<float> trainer(*network, data.train, settings);
        std::cout << median_step(context, trainer, run.state, options.time) << '\n';
        return 0;
    }
    run.state = begin(options, run, network->parameters());
    const auto start = Clock::now();
    train(context, *network, data, options, run);

    const auto right = static_cast<double>(run.state.right.back());
    const auto count = static_cast<double>(data.held_out.count());
    std::cout << "held out: " << run.state.right.back() << " of " << data.held_out.count() << " right ("
              << std::round(1e4 * right / count) / 100 << " %), " << std::round(10 * seconds_since(start)) / 10
              << " s\n";
    if (!options.weights.empty()) {
        write_weights(options.weights, run, network->parameters());
    }
    if (!options.page.empty()) {
        write_page(options.page, run, data.train.count() / settings.batch, data.held_out.count());
    }
    return 0;
}

} // namespace
} // namespace train

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    try {
        const train::Options options = train::parse(arguments);
        if (options.help) {
            std::cout << train::usage();
            return 0;
        }
        return train::run(options);
    } catch (const train::UsageError& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
}
