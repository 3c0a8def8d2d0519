#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <vector>

namespace train {
namespace {

struct Option {
    std::string_view name;
    std::string_view value; ///< what it is called in the usage; empty for a flag
    std::string_view help;
    std::function<void(Options&, std::string_view)> set;
};

[[noreturn]] void refuse(std::string_view name, std::string_view value, const std::string& wanted) {
    throw UsageError("--" + std::string(name) + " is `" + std::string(value) + "`, wanted " + wanted);
}

template <typename T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

std::int64_t whole(std::string_view name, std::string_view text, std::int64_t least) {
    const auto value = number<std::int64_t>(text);
    if (!value || *value < least) {
        refuse(name, text, "a whole number of at least " + std::to_string(least));
    }
    return *value;
}

double positive(std::string_view name, std::string_view text) {
    const auto value = number<double>(text);
    if (!value || !(*value > 0) || *value > 1e30) {
        refuse(name, text, "a number above 0");
    }
    return *value;
}

void margins(Options& options, std::string_view text) {
    const std::size_t comma = text.find(',');
    const auto first = number<double>(text.substr(0, comma));
    const auto last = number<double>(comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1));
    const auto is_margin = [](const std::optional<double>& margin) { return margin && *margin >= 0 && *margin <= 1; };
    if (!is_margin(first) || !is_margin(last)) {
        refuse("margins", text, "two numbers from 0 to 1, such as 0.8,0.9");
    }
    options.settings.first_margin = *first;
    options.settings.last_margin = *last;
}

std::uint64_t seed(std::string_view text) {
    const auto value = number<std::uint64_t>(text);
    if (!value) {
        refuse("seed", text, "a whole number from 0 to 18446744073709551615");
    }
    return *value;
}

const std::vector<Option>& options() {
    static const std::vector<Option> list{
        {"data", "FILE", "images and labels, a safetensors file as models/data/README.md has it (required)",
         [](Options& o, std::string_view v) { o.data = v; }},
        {"epochs", "N", "how often the images are seen (30; solids: 1)",
         [](Options& o, std::string_view v) { o.epochs = positive("epochs", v); }},
        {"steps", "N", "the same in steps, instead of --epochs",
         [](Options& o, std::string_view v) { o.settings.steps = whole("steps", v, 1); }},
        {"batch", "N", "images of a step (32; solids: 20)",
         [](Options& o, std::string_view v) { o.settings.batch = whole("batch", v, 1); }},
        {"seed", "N", "of the first weights, the order and the shifts of images (1)",
         [](Options& o, std::string_view v) { o.settings.seed = seed(v); }},
        {"rate", "X", "the highest learning rate (0.007)",
         [](Options& o, std::string_view v) { o.settings.rate = positive("rate", v); }},
        {"largest", "X", "norm beyond which a gradient is clipped (5)",
         [](Options& o, std::string_view v) { o.settings.largest = positive("largest", v); }},
        {"shift", "N", "pixels that an image is moved by at the most (1; solids: 0)",
         [](Options& o, std::string_view v) { o.settings.shift = whole("shift", v, 0); }},
        {"margins", "X,Y", "margin of the spread loss in the first and in the last step (0.8,0.9)", margins},
        {"threads", "N", "threads of a kernel (as many as the machine has)",
         [](Options& o, std::string_view v) {
             o.threads = static_cast<int>(std::min<std::int64_t>(whole("threads", v, 1), 1024));
         }},
        {"checkpoint", "FILE", "where the run is kept (nowhere)",
         [](Options& o, std::string_view v) { o.checkpoint = v; }},
        {"save-every", "N", "steps between two checkpoints (50)",
         [](Options& o, std::string_view v) { o.save_every = whole("save-every", v, 1); }},
        {"resume", "", "go on with the run of --checkpoint, to the same bytes as without a stop",
         [](Options& o, std::string_view) { o.resume = true; }},
        {"weights", "FILE", "where the trained weights are written to, as the network's kernel takes them",
         [](Options& o, std::string_view v) { o.weights = v; }},
        {"page", "FILE", "where a page with the loss curve is written to",
         [](Options& o, std::string_view v) { o.page = v; }},
        {"time", "N", "only time N steps, print the median in milliseconds",
         [](Options& o, std::string_view v) { o.time = whole("time", v, 1); }},
        {"help", "", "this text", [](Options& o, std::string_view) { o.help = true; }}};
    return list;
}

/// The known name that is nearest in what it begins with.
std::string near(std::string_view name) {
    std::string best;
    std::size_t most = 1;
    for (const Option& option : options()) {
        const auto differs = std::mismatch(name.begin(), name.end(), option.name.begin(), option.name.end()).first;
        const auto same = static_cast<std::size_t>(differs - name.begin());
        if (same > most) {
            most = same;
            best = option.name;
        }
    }
    return best;
}

void check(const Options& options, const std::vector<std::string_view>& given) {
    const auto has = [&](std::string_view name) { return std::find(given.begin(), given.end(), name) != given.end(); };
    if (!has("data")) {
        throw UsageError("--data is missing: the file with images and labels, such as models/data/digits.safetensors");
    }
    if (has("epochs") && has("steps")) {
        throw UsageError("--epochs and --steps both say how long to train, give one");
    }
    if (options.resume && options.checkpoint.empty()) {
        throw UsageError("--resume needs --checkpoint, the file of the run to go on with");
    }
    if (has("save-every") && options.checkpoint.empty()) {
        throw UsageError("--save-every needs --checkpoint, the file to save to");
    }
}

} // namespace

Options parse(std::span<const std::string_view> arguments) {
    Options result;
    std::vector<std::string_view> given;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string_view argument = arguments[i];
        if (!argument.starts_with("--")) {
            throw UsageError("`" + std::string(argument) + "` is no option: options begin with --");
        }
        argument.remove_prefix(2);
        const std::size_t equals = argument.find('=');
        const std::string_view name = argument.substr(0, equals);
        const auto option =
            std::find_if(options().begin(), options().end(), [&](const Option& each) { return each.name == name; });
        if (option == options().end()) {
            const std::string nearest = near(name);
            throw UsageError("there is no option --" + std::string(name) +
                             (nearest.empty() ? ", --help lists them" : ", did you mean --" + nearest + "?"));
        }
        if (std::find(given.begin(), given.end(), name) != given.end()) {
            throw UsageError("--" + std::string(name) + " is given twice");
        }
        given.push_back(option->name);
        std::string_view value;
        if (option->value.empty()) {
            if (equals != std::string_view::npos) {
                throw UsageError("--" + std::string(name) + " takes no value");
            }
        } else if (equals != std::string_view::npos) {
            value = argument.substr(equals + 1);
        } else if (i + 1 < arguments.size()) {
            value = arguments[++i];
        }
        if (!option->value.empty() && value.empty()) {
            throw UsageError("--" + std::string(name) + " has no value, wanted --" + std::string(name) + " " +
                             std::string(option->value));
        }
        option->set(result, value);
    }
    if (!result.help) {
        check(result, given);
    }
    const auto has = [&](std::string_view name) { return std::find(given.begin(), given.end(), name) != given.end(); };
    const NetworkKind& kind = network_kind();
    result.settings.batch = has("batch") ? result.settings.batch : kind.batch;
    result.settings.shift = has("shift") ? result.settings.shift : kind.shift;
    result.epochs = has("epochs") ? result.epochs : kind.epochs;
    return result;
}

std::string usage() {
    const NetworkKind& kind = network_kind();
    std::string text = "usage: " + kind.program + " --data FILE [OPTION VALUE]...\n\nTrains " + kind.about +
                       " by kernels that Coulter generated.\n\n";
    for (const Option& option : options()) {
        std::string line = "  --" + std::string(option.name) + " " + std::string(option.value);
        line.resize(std::max<std::size_t>(line.size() + 2, 22), ' ');
        text += line + std::string(option.help) + "\n";
    }
    return text + "\nexample: " + kind.program + " --data " + kind.data +
           " --checkpoint run.safetensors --page run.html\n"
           "exit codes: 0 good; 2 the command line; 4 a file, or a call that failed\n";
}

} // namespace train
