#include "batches.hpp"

#include "random.hpp"

#include <coulter/safetensors.hpp>

#include <algorithm>

namespace train {
namespace {

std::string list(const std::vector<std::int64_t>& extents) {
    std::string text;
    for (const std::int64_t extent : extents) {
        text += (text.empty() ? "" : ", ") + (extent < 0 ? std::string("n") : std::to_string(extent));
    }
    return "[" + text + "]";
}

coulter::FileArray& tensor(coulter::Safetensors& file, const std::string& name, const std::vector<std::int64_t>& wanted,
                           DLDataType type, const std::string& path) {
    const auto at = file.tensors.find(name);
    if (at == file.tensors.end()) {
        throw coulter::Error(COULTER_ERROR_FORMAT, path + ": there is no tensor `" + name + "`");
    }
    coulter::FileArray& array = at->second;
    bool fits = array.shape.size() == wanted.size() && array.type.code == type.code && array.type.bits == type.bits;
    for (std::size_t i = 0; fits && i < wanted.size(); ++i) {
        fits = wanted[i] < 0 || array.shape[i] == wanted[i];
    }
    if (!fits) {
        throw coulter::Error(COULTER_ERROR_FORMAT, path + ": `" + name + "` is not " +
                                                       (type.code == kDLUInt ? "u8 " : "i32 ") + list(wanted) +
                                                       ": its shape is " + list(array.shape) + ", its elements have " +
                                                       std::to_string(array.type.bits) + " bits");
    }
    return array;
}

Images part(coulter::Safetensors& file, const std::string& name, const DataShape& shape, const std::string& path) {
    std::vector<std::int64_t> wanted{-1, shape.height, shape.width};
    if (shape.channels != 1) {
        wanted.push_back(shape.channels);
    }
    coulter::FileArray& pixels = tensor(file, name + "_images", wanted, {kDLUInt, 8, 1}, path);
    const std::int64_t count = pixels.shape[0];
    coulter::FileArray& labels = tensor(file, name + "_labels", {count}, {kDLInt, 32, 1}, path);
    if (count == 0) {
        throw coulter::Error(COULTER_ERROR_FORMAT, path + ": `" + name + "_images` has no image");
    }
    Images images;
    images.height = shape.height;
    images.width = shape.width;
    images.channels = shape.channels;
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(pixels.data.data());
    images.pixels.assign(bytes, bytes + pixels.data.size());
    const auto* const first = labels.view<const std::int32_t>().data();
    images.labels.assign(first, first + count);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t label = images.labels[static_cast<std::size_t>(i)];
        if (label < 0 || label >= shape.classes) {
            throw coulter::Error(COULTER_ERROR_FORMAT, path + ": `" + name + "_labels` has " + std::to_string(label) +
                                                           " at " + std::to_string(i) + ", and the classes are 0 to " +
                                                           std::to_string(shape.classes - 1));
        }
    }
    return images;
}

/// Copies an image, moved; pixels from outside are 0.
void move(const Images& images, std::int64_t image, std::int64_t down, std::int64_t right, std::uint8_t* to) {
    const std::uint8_t* const from = images.pixels.data() + image * images.image_bytes();
    const std::int64_t left = std::max<std::int64_t>(0, right);
    const std::int64_t end = std::min(images.width, images.width + right);
    for (std::int64_t y = std::max<std::int64_t>(0, down); y < std::min(images.height, images.height + down); ++y) {
        const std::uint8_t* const row = from + ((y - down) * images.width + left - right) * images.channels;
        std::copy(row, row + std::max<std::int64_t>(0, end - left) * images.channels,
                  to + (y * images.width + left) * images.channels);
    }
}

} // namespace

DataSet read_data(const std::filesystem::path& file, const DataShape& shape) {
    coulter::Safetensors tensors = coulter::read_safetensors(file);
    return {part(tensors, "train", shape, file.string()), part(tensors, "held_out", shape, file.string())};
}

Batches::Batches(const Images& images, std::int64_t batch, std::int64_t shift, std::uint64_t seed)
    : images_(images), batch_(batch), shift_(shift), seed_(seed) {}

Batch Batches::at(std::int64_t step) {
    const std::int64_t epoch = step / per_epoch();
    if (epoch != epoch_) {
        order_.clear();
        const auto ways = static_cast<std::uint32_t>(2 * shift_ + 1);
        for (std::int64_t i = 0; i < images_.count(); ++i) {
            const auto words = philox({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(epoch), 0,
                                       static_cast<std::uint32_t>(Purpose::batches)},
                                      seed_);
            order_.push_back(
                {std::uint64_t{words[0]} << 32 | words[1], i, words[2] % ways - shift_, words[3] % ways - shift_});
        }
        std::sort(order_.begin(), order_.end(), [](const Place& a, const Place& b) {
            return a.rank != b.rank ? a.rank < b.rank : a.image < b.image;
        });
        epoch_ = epoch;
    }
    Batch batch;
    batch.pixels.resize(static_cast<std::size_t>(batch_ * images_.image_bytes()));
    const std::int64_t first = step % per_epoch() * batch_;
    for (std::int64_t i = 0; i < batch_; ++i) {
        const Place& place = order_[static_cast<std::size_t>(first + i)];
        move(images_, place.image, place.down, place.right, batch.pixels.data() + i * images_.image_bytes());
        batch.labels.push_back(images_.labels[static_cast<std::size_t>(place.image)]);
    }
    return batch;
}

} // namespace train
