#pragma once
/// Images with labels, and which of them a step sees.

#include <coulter/file_array.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace train {

/// Images of one size, `channels` values per pixel, and what they show.
struct Images {
    std::vector<std::uint8_t> pixels; ///< [count, height, width, channels]
    std::vector<std::int32_t> labels;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t channels = 1;

    [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
    [[nodiscard]] std::int64_t image_bytes() const { return height * width * channels; }
};

struct DataSet {
    Images train;
    Images held_out;
};

/// What a set of images must be like for a network.
struct DataShape {
    std::int64_t height;
    std::int64_t width;
    std::int64_t channels; ///< 1: the file's images have no dim for it
    std::int32_t classes;
};

/// Reads `train_images`, `train_labels`, `held_out_images` and `held_out_labels` from a safetensors file, as
/// models/data/README.md has them. \throws coulter::Error for a file that is missing or malformed, and for tensors of
/// other types or shapes, labels that are no class, and sets without images.
[[nodiscard]] DataSet read_data(const std::filesystem::path& file, const DataShape& shape);

/// The images of one step, moved by up to `shift` pixels each way; blank pixels come in.
struct Batch {
    std::vector<std::uint8_t> pixels;
    std::vector<std::int32_t> labels;
};

/// Which images a step sees. Each epoch has its own order of all images, of which it takes whole batches: what is left
/// over waits for another epoch. Image i of epoch e gets the block {i, e, 0, 1} of the random numbers: words 0 and 1
/// are its rank, words 2 and 3 modulo 2 * shift + 1, minus shift, are what its rows and columns are moved by.
class Batches {
public:
    /// \pre 1 <= batch <= images.count(), 0 <= shift. `images` has to outlive this.
    Batches(const Images& images, std::int64_t batch, std::int64_t shift, std::uint64_t seed);

    [[nodiscard]] std::int64_t per_epoch() const { return images_.count() / batch_; }
    /// \param step from 0.
    [[nodiscard]] Batch at(std::int64_t step);

private:
    struct Place {
        std::uint64_t rank;
        std::int64_t image;
        std::int64_t down;
        std::int64_t right;
    };

    const Images& images_;
    std::int64_t batch_;
    std::int64_t shift_;
    std::uint64_t seed_;
    std::int64_t epoch_ = -1; ///< whose order `order_` is
    std::vector<Place> order_;
};

} // namespace train
