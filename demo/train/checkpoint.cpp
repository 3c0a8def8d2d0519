#include "checkpoint.hpp"

#include <coulter/safetensors.hpp>

#include <charconv>

namespace train {
namespace {

using coulter::FileArray;
using coulter::Safetensors;

/// The shortest text that is read as the same number.
std::string text_of(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

/// What has to be the same for a run to go on, under the names of the command line.
std::map<std::string, std::string> identity(const Checkpoint& run) {
    return {{"network", run.network},
            {"data", run.data},
            {"seed", std::to_string(run.settings.seed)},
            {"steps", std::to_string(run.settings.steps)},
            {"batch", std::to_string(run.settings.batch)},
            {"rate", text_of(run.settings.rate)},
            {"largest", text_of(run.settings.largest)},
            {"shift", std::to_string(run.settings.shift)},
            {"margins", text_of(run.settings.first_margin) + "," + text_of(run.settings.last_margin)}};
}

template <typename T>
FileArray array_of(const T* values, const std::vector<std::int64_t>& shape) {
    return FileArray::copy_of(coulter::TensorView<const T>(values, std::span<const std::int64_t>(shape)));
}

void add(Safetensors& file, const std::string& prefix, const std::vector<Parameter>& parameters,
         const std::vector<float>& all) {
    const float* at = all.data();
    for (const Parameter& parameter : parameters) {
        file.tensors[prefix + parameter.name] = array_of(at, parameter.shape);
        at += parameter.size();
    }
}

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& text) {
    throw coulter::Error(COULTER_ERROR_FORMAT, file.string() + ": " + text);
}

/// The elements of a tensor; `count` below 0 takes any number in one dim.
template <typename T>
std::vector<T> values(Safetensors& tensors, const std::string& name, std::int64_t count,
                      const std::filesystem::path& file) {
    const auto at = tensors.tensors.find(name);
    const DLDataType type = coulter::dl_type<T>;
    if (at == tensors.tensors.end()) {
        refuse(file, "no checkpoint of this network: there is no tensor `" + name + "`");
    }
    FileArray& array = at->second;
    if (array.type.code != type.code || array.type.bits != type.bits) {
        refuse(file, "no checkpoint of this network: `" + name + "` has elements of another type");
    }
    const coulter::TensorView<T> view = array.view<T>();
    if (count >= 0 && view.size() != count) {
        refuse(file, "no checkpoint of this network: `" + name + "` has " + std::to_string(view.size()) +
                         " elements, wanted " + std::to_string(count));
    }
    return std::vector<T>(view.data(), view.data() + view.size());
}

std::vector<float> collect(Safetensors& tensors, const std::string& prefix, const std::vector<Parameter>& parameters,
                           const std::filesystem::path& file) {
    std::vector<float> all;
    for (const Parameter& parameter : parameters) {
        const std::vector<float> part = values<float>(tensors, prefix + parameter.name, parameter.size(), file);
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

/// Files that write_safetensors began and a kill kept it from renaming.
void remove_left_over(const std::filesystem::path& file) {
    const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
    const std::string prefix = file.filename().string() + ".tmp.";
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        if (entry.path().filename().string().starts_with(prefix)) {
            std::filesystem::remove(entry.path(), ignored);
        }
    }
}

} // namespace

std::string digest(const DataSet& data) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto mix = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
    for (const Images* part : {&data.train, &data.held_out}) {
        for (const std::uint8_t pixel : part->pixels) {
            mix(pixel);
        }
        for (const std::int32_t label : part->labels) {
            mix(static_cast<std::uint8_t>(label));
        }
    }
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) {
        text += "0123456789abcdef"[hash >> shift & 15];
    }
    return text;
}

void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint,
                      const std::vector<Parameter>& parameters) {
    Safetensors tensors;
    tensors.metadata = identity(checkpoint);
    tensors.metadata["format"] = "coulter-train 1";
    const State<float>& state = checkpoint.state;
    add(tensors, "", parameters, state.weights);
    add(tensors, "mean.", parameters, state.mean);
    add(tensors, "variance.", parameters, state.variance);
    tensors.tensors["losses"] = array_of(state.losses.data(), {static_cast<std::int64_t>(state.losses.size())});
    tensors.tensors["right"] = array_of(state.right.data(), {static_cast<std::int64_t>(state.right.size())});
    coulter::write_safetensors(file, tensors);
}

State<float> read_checkpoint(const std::filesystem::path& file, const Checkpoint& wanted,
                             const std::vector<Parameter>& parameters) {
    Safetensors tensors = coulter::read_safetensors(file);
    if (tensors.metadata["format"] != "coulter-train 1") {
        refuse(file, "no checkpoint: its metadata has no `format` of `coulter-train 1`");
    }
    for (const auto& [name, value] : identity(wanted)) {
        const std::string& was = tensors.metadata[name];
        if (was != value) {
            refuse(file, name == "data" ? "the run was of other images than --data has"
                         : name == "network"
                             ? "the run was of the network " + was + ", and this one is " + value
                             : "the run was of --" + name + " " + was + ", and --" + name + " is " + value);
        }
    }
    State<float> state;
    state.weights = collect(tensors, "", parameters, file);
    state.mean = collect(tensors, "mean.", parameters, file);
    state.variance = collect(tensors, "variance.", parameters, file);
    state.losses = values<float>(tensors, "losses", -1, file);
    state.right = values<std::int32_t>(tensors, "right", -1, file);
    if (state.step() > wanted.settings.steps) {
        refuse(file, "it has the losses of " + std::to_string(state.step()) + " steps, and the run is of " +
                         std::to_string(wanted.settings.steps));
    }
    remove_left_over(file);
    return state;
}

void write_weights(const std::filesystem::path& file, const Checkpoint& checkpoint,
                   const std::vector<Parameter>& parameters) {
    const std::vector<float> used = in_units(parameters, checkpoint.state.weights);
    Safetensors tensors;
    tensors.metadata = identity(checkpoint);
    add(tensors, "", parameters, used);
    coulter::write_safetensors(file, tensors);
}

} // namespace train
