// What a run is made of: random numbers, batches, plans, files.

#include "checkpoint.hpp"
#include "digits_network.hpp"
#include "random.hpp"

#include <coulter/safetensors.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <fstream>
#include <map>
#include <random>

using namespace train;

namespace {

/// A folder that goes away.
struct Scratch {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("coulter-train-" + std::to_string(std::random_device{}()));
    Scratch() { std::filesystem::create_directory(path); }
    ~Scratch() { std::filesystem::remove_all(path); }
};

/// Images of 2 by 3 pixels: image i has the pixels 10 i + 1 to 10 i + 6.
Images numbered(std::int64_t count) {
    Images images;
    images.height = 2;
    images.width = 3;
    for (std::int64_t i = 0; i < count; ++i) {
        for (int pixel = 1; pixel <= 6; ++pixel) {
            images.pixels.push_back(static_cast<std::uint8_t>(10 * i + pixel));
        }
        images.labels.push_back(static_cast<std::int32_t>(i));
    }
    return images;
}

coulter::Safetensors data_file(std::vector<std::int32_t> labels) {
    coulter::Safetensors file;
    const auto count = static_cast<std::int64_t>(labels.size());
    std::vector<std::uint8_t> pixels(labels.size() * 6, 7);
    for (const std::string part : {"train", "held_out"}) {
        file.tensors[part + "_images"] =
            coulter::FileArray::copy_of(coulter::TensorView<const std::uint8_t>(pixels, {count, 2, 3}));
        file.tensors[part + "_labels"] =
            coulter::FileArray::copy_of(coulter::TensorView<const std::int32_t>(labels, {count}));
    }
    return file;
}

template <typename Body>
std::string refusal(const std::filesystem::path& folder, Body body) {
    try {
        body();
    } catch (const coulter::Error& error) {
        std::string text = error.what();
        const std::string prefix = folder.string() + "/";
        return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
    }
    return "accepted";
}

Checkpoint sample() {
    Checkpoint run{
        "digits_capsules", {.seed = 3, .steps = 9}, "0123456789abcdef", first_state<float>(digits_parameters(), 3)};
    run.state.mean[5] = 0.25F;
    run.state.variance[7] = 0.5F;
    run.state.losses = {3, 2.5F};
    run.state.right = {17};
    return run;
}

} // namespace

TEST_CASE("Philox gives the known answers of Random123") {
    using Words = std::array<std::uint32_t, 4>;
    CHECK(philox({0, 0, 0, 0}, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox({~0U, ~0U, ~0U, ~0U}, ~std::uint64_t{0}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) ==
          Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("normal numbers have mean 0 and deviation 1, each parameter its own") {
    double sum = 0;
    double squares = 0;
    double products = 0;
    constexpr int count = 20000;
    for (std::uint32_t i = 0; i < count; ++i) {
        const double x = normal(1, 0, i);
        sum += x;
        squares += x * x;
        products += x * normal(1, 1, i);
    }
    CHECK(std::fabs(sum / count) < 0.03);
    CHECK(std::fabs(squares / count - 1) < 0.04);
    CHECK(std::fabs(products / count) < 0.03);
}

TEST_CASE("an epoch has every image once, and another order than the next") {
    const Images images = numbered(6);
    Batches batches(images, 2, 0, 5);
    CHECK(batches.per_epoch() == 3);
    std::vector<std::int32_t> order;
    for (std::int64_t step = 0; step < 6; ++step) {
        const Batch batch = batches.at(step);
        for (std::size_t i = 0; i < 2; ++i) {
            order.push_back(batch.labels[i]);
            CHECK(batch.pixels[6 * i] == 10 * batch.labels[i] + 1);
            CHECK(batch.pixels[6 * i + 5] == 10 * batch.labels[i] + 6);
        }
    }
    const std::vector<std::int32_t> first(order.begin(), order.begin() + 3 * 2);
    const std::vector<std::int32_t> second(order.begin() + 3 * 2, order.end());
    CHECK(first != second);
    for (std::vector<std::int32_t> epoch : {first, second}) {
        std::sort(epoch.begin(), epoch.end());
        CHECK(epoch == std::vector<std::int32_t>{0, 1, 2, 3, 4, 5});
    }
    // A run that goes on draws what it would have drawn.
    CHECK(Batches(images, 2, 0, 5).at(4).labels == batches.at(4).labels);
    Batches whole(images, 6, 0, 5);
    CHECK(whole.at(0).labels == first);
    CHECK(Batches(images, 6, 0, 6).at(0).labels != first);
}

TEST_CASE("images are moved each way, and blank pixels come in") {
    const Images images = numbered(1);
    Batches batches(images, 1, 1, 1);
    std::map<std::vector<std::uint8_t>, int> seen;
    for (std::int64_t step = 0; step < 200; ++step) {
        ++seen[batches.at(step).pixels];
    }
    CHECK(seen.size() == 9);
    CHECK(seen.contains({1, 2, 3, 4, 5, 6}));
    CHECK(seen.contains({0, 0, 0, 1, 2, 3}));
    CHECK(seen.contains({5, 6, 0, 0, 0, 0}));
    CHECK(seen.contains({0, 1, 2, 0, 4, 5}));
    CHECK(seen.contains({0, 0, 0, 0, 1, 2}));
}

TEST_CASE("the learning rate rises and falls, the margin rises") {
    const Settings settings{.steps = 100, .rate = 2};
    CHECK(rate_at(settings, 0) == doctest::Approx(0.2));
    CHECK(rate_at(settings, 9) == doctest::Approx(2));
    CHECK(rate_at(settings, 10) == doctest::Approx(2));
    CHECK(rate_at(settings, 55) == doctest::Approx(1));
    CHECK(rate_at(settings, 99) > 0);
    CHECK(rate_at(settings, 99) < 0.002);
    CHECK(margin_at(settings, 0) == doctest::Approx(0.8));
    CHECK(margin_at(settings, 99) == doctest::Approx(0.9));
}

TEST_CASE("data that do not fit are refused") {
    const Scratch scratch;
    const std::filesystem::path file = scratch.path / "data";
    const DataShape shape{2, 3, 1, 4};
    const auto answer = [&](const coulter::Safetensors& tensors) {
        coulter::write_safetensors(file, tensors);
        return refusal(scratch.path, [&] { return read_data(file, shape); });
    };
    CHECK(answer(data_file({0, 3})) == "accepted");
    CHECK(answer(data_file({0, 4})) == "data: `train_labels` has 4 at 1, and the classes are 0 to 3");
    CHECK(answer(data_file({})) == "data: `train_images` has no image");
    coulter::Safetensors other = data_file({0, 1});
    other.tensors.erase("held_out_labels");
    CHECK(answer(other) == "data: there is no tensor `held_out_labels`");
    other = data_file({0, 1});
    other.tensors["train_labels"] = data_file({0, 1, 2}).tensors["train_labels"];
    CHECK(answer(other) == "data: `train_labels` is not i32 [2]: its shape is [3], its elements have 32 bits");
    other = data_file({0, 1});
    other.tensors["held_out_images"] = other.tensors["held_out_labels"];
    CHECK(answer(other) == "data: `held_out_images` is not u8 [n, 2, 3]: its shape is [2], its elements have 32 bits");
}

TEST_CASE("a checkpoint is read as it was written, and not for another run") {
    const Scratch scratch;
    const std::filesystem::path file = scratch.path / "run";
    const Checkpoint run = sample();
    write_checkpoint(file, run, digits_parameters());
    // What a program that was killed left.
    std::ofstream(scratch.path / "run.tmp.123.0") << "half";
    const State<float> read = read_checkpoint(file, run, digits_parameters());
    CHECK(read.weights == run.state.weights);
    CHECK(read.mean == run.state.mean);
    CHECK(read.variance == run.state.variance);
    CHECK(read.losses == run.state.losses);
    CHECK(read.right == run.state.right);
    CHECK_FALSE(std::filesystem::exists(scratch.path / "run.tmp.123.0"));

    const auto answer = [&](const Checkpoint& wanted) {
        return refusal(scratch.path, [&] { return read_checkpoint(file, wanted, digits_parameters()); });
    };
    Checkpoint other = run;
    other.settings.batch = 16;
    CHECK(answer(other) == "run: the run was of --batch 32, and --batch is 16");
    other = run;
    other.settings.last_margin = 0.5;
    CHECK(answer(other) == "run: the run was of --margins 0.8,0.9, and --margins is 0.8,0.5");
    other = run;
    other.network = "hinton_capsules";
    CHECK(answer(other) == "run: the run was of the network digits_capsules, and this one is hinton_capsules");
    other = run;
    other.data = "fedcba9876543210";
    CHECK(answer(other) == "run: the run was of other images than --data has");

    coulter::Safetensors tensors = coulter::read_safetensors(file);
    tensors.tensors.erase("mean.conv_bias");
    coulter::write_safetensors(file, tensors);
    CHECK(answer(run) == "run: no checkpoint of this network: there is no tensor `mean.conv_bias`");
    coulter::write_safetensors(file, data_file({0}));
    CHECK(answer(run) == "run: no checkpoint: its metadata has no `format` of `coulter-train 1`");
    std::ofstream(file) << "half";
    CHECK(answer(run) == "run: byte 4: the file ends in the length of its header");
}
