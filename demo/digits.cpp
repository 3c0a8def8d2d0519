// Reads 450 handwritten digits with two networks that Coulter compiled, measures kernels, and writes a page about both.
//
//   coulter-demo [--quick] MODELS PAGE.html
//
// MODELS is the folder models/ of the sources: its data and weights are read. The kernels are measured in three forms:
// with the schedules written by hand, which are linked, and as the modules instant and tuned beside this program have
// them. Exit codes: 0 good; 1 a result is wrong;
// 2 the command line; 4 a file, or a call that failed.

#include "page.hpp"
#include "reference.hpp"

#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <string_view>
#include <thread>

namespace demo {
namespace {

struct Options {
    std::filesystem::path models;
    std::filesystem::path page;
    std::vector<std::filesystem::path> modules; ///< of the forms behind the first
    double seconds = 0.35;                      ///< for each form of each kernel, with the roofs
};

Machine this_machine() {
    Machine machine{"unknown processor", std::max(1, static_cast<int>(std::thread::hardware_concurrency()))};
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (const std::size_t colon = line.find(": "); line.starts_with("model name") && colon != std::string::npos) {
            machine.processor = line.substr(colon + 2);
            break;
        }
    }
    machine.processor += machine.threads == 1 ? ", 1 thread" : ", " + std::to_string(machine.threads) + " threads";
    return machine;
}

/// How many digits a network read right, and how many of its predictions are PyTorch's.
std::string score(std::int64_t right, std::int64_t unlike_pytorch, std::int64_t count) {
    return fixed(100 * static_cast<double>(right) / static_cast<double>(count), 2) + " %, " + std::to_string(right) +
           " of " + grouped(count) + " digits; " +
           (unlike_pytorch == 0 ? "all predictions are PyTorch's" : grouped(unlike_pytorch) + " PREDICTIONS DIFFER");
}

/// Whether all results are what they should be; says what is not.
bool all_right(const Answers& answers, const CapsuleAnswers& capsules, const std::vector<Measurement>& rows) {
    bool right = answers.unlike_pytorch == 0 && capsules.unlike_pytorch == 0;
    for (const Measurement& row : rows) {
        if (!(row.comparison.error <= row.comparison.allowed)) {
            std::cerr << "error: " << row.name << " is off by " << error_text(row.comparison.error) << ", at most "
                      << error_text(row.comparison.allowed) << " wanted\n";
            right = false;
        }
    }
    return right;
}

int run(const Options& options) {
    const Machine machine = this_machine();
    coulter::Context context;
    context.set_threads(machine.threads);
    HeldOut digits = read_held_out(options.models);
    Network network(options.models);

    const Answers said = answers(context, network, digits);
    CapsuleNetwork capsule_network(options.models);
    CapsuleAnswers capsules = capsule_answers(context, capsule_network, digits, options.models);
    std::cout << machine.processor << "\n\nconvolutions  " << score(said.right, said.unlike_pytorch, digits.count())
              << "\ncapsules      " << score(capsules.right, capsules.unlike_pytorch, digits.count()) << "\n\n"
              << std::flush;

    std::vector<std::unique_ptr<Form>> forms;
    forms.push_back(linked_form(machine.threads));
    for (const std::filesystem::path& module : options.modules) {
        forms.push_back(load_form(module.string(), machine.threads));
    }
    const Subjects subjects{network, digits, capsule_network, capsules};
    std::vector<Measurement> rows;
    for (std::size_t number = 0; number < case_count; ++number) {
        rows.push_back(measure(forms, number, subjects, machine.threads, options.seconds));
        for (const std::unique_ptr<Form>& form : forms) {
            form->forget();
        }
    }
    print_table(std::cout, rows);
    std::cout << '\n';
    for (const std::string& sentence : legend(rows)) {
        std::cout << sentence << '\n';
    }

    std::ofstream file(options.page, std::ios::binary);
    file << page(digits, said, capsules, rows, machine);
    file.close();
    if (!file) {
        std::cerr << "error: cannot write " << options.page.string() << '\n';
        return 4;
    }
    return all_right(said, capsules, rows) ? 0 : 1;
}

} // namespace
} // namespace demo

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    demo::Options options;
    std::vector<std::string_view> files;
    for (const std::string_view argument : arguments) {
        if (argument == "--quick") {
            options.seconds = 0;
        } else {
            files.push_back(argument);
        }
    }
    if (files.size() != 2 || files[0].starts_with("-")) {
        std::cerr << "usage: coulter-demo [--quick] MODELS PAGE.html\n";
        return 2;
    }
    options.models = files[0];
    options.page = files[1];
    const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    for (const char* const name : {"instant", "tuned"}) {
        options.modules.push_back(folder / ("coulter-demo-" + std::string(name) + ".so"));
    }
    try {
        return demo::run(options);
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
}
