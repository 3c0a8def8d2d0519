/// Readers of MNIST's and smallNORB's files, on the tiny ones of scripts/make_dataset_goldens.py.
#include <coulter/idx.hpp>
#include <coulter/smallnorb.hpp>
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

using coulter::FileArray;
using Bytes = std::vector<std::byte>;
using Shape = std::vector<int64_t>;

namespace {

const std::filesystem::path folder = std::filesystem::path(COULTER_TEST_DIR) / "goldens/datasets";

Bytes bytes_of(const std::string& name) {
    std::ifstream file(folder / name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    REQUIRE(!text.empty());
    Bytes bytes;
    for (const char c : text) {
        bytes.push_back(static_cast<std::byte>(c));
    }
    return bytes;
}

/// The golden with some bytes replaced.
Bytes with(Bytes bytes, size_t at, const std::vector<int>& values) {
    for (const int value : values) {
        bytes.at(at++) = static_cast<std::byte>(value);
    }
    return bytes;
}

Bytes first(Bytes bytes, size_t count) {
    bytes.resize(count);
    return bytes;
}

std::string refusal(const std::function<void()>& body) {
    try {
        body();
    } catch (const coulter::FormatError& error) {
        CHECK(error.code() == COULTER_ERROR_FORMAT);
        std::string text = error.what();
        for (std::string path = folder.string() + "/"; text.find(path) != std::string::npos;) {
            text.erase(text.find(path), path.size());
        }
        return text;
    }
    return "accepted";
}

std::string idx(const Bytes& bytes) {
    return refusal([&] { coulter::parse_idx(bytes); });
}

std::string matrix(const Bytes& bytes) {
    return refusal([&] { coulter::parse_smallnorb_matrix(bytes); });
}

/// Neither reader may do anything but accept or refuse.
void survive(const std::function<FileArray(std::span<const std::byte>)>& parse, const Bytes& original) {
    std::mt19937 random(1);
    int refused = 0;
    for (int i = 0; i < 2000; ++i) {
        Bytes bytes = original;
        for (auto left = 1 + random() % 3; left > 0; --left) {
            bytes[random() % std::min<size_t>(bytes.size(), 32)] ^= static_cast<std::byte>(1U << random() % 8);
        }
        if (random() % 3 == 0) {
            bytes.resize(random() % (bytes.size() + 4));
        }
        try {
            const FileArray array = parse(bytes);
            CHECK(array.data.size() <= bytes.size());
        } catch (const coulter::FormatError& error) {
            CHECK(error.position() <= bytes.size());
            ++refused;
        }
    }
    CHECK(refused > 1000);
}

} // namespace

TEST_CASE("IDX files of each kind are read") {
    FileArray images = coulter::read_idx(folder / "images-idx3-ubyte");
    REQUIRE(images.shape == Shape{3, 4, 5});
    const auto pixel = images.view<const uint8_t>();
    for (int i = 0; i < 3; ++i) {
        for (int y = 0; y < 4; ++y) {
            for (int x = 0; x < 5; ++x) {
                CHECK(pixel(i, y, x) == (31 * i + 7 * y + 3 * x) % 256);
            }
        }
    }
    FileArray values = coulter::read_idx(folder / "values-idx2-double");
    REQUIRE(values.shape == Shape{2, 3});
    CHECK(values.view<const double>()(1, 2) == 0.5);
    FileArray counts = coulter::read_idx(folder / "counts-idx1-short");
    REQUIRE(counts.shape == Shape{4});
    CHECK(counts.view<const int16_t>()(0) == -2);
    CHECK(counts.view<const int16_t>()(3) == 300);
}

TEST_CASE("images and labels of MNIST's kind belong together") {
    coulter::LabelledImages set = coulter::read_mnist(folder / "images-idx3-ubyte", folder / "labels-idx1-ubyte");
    CHECK(set.images.shape == Shape{3, 4, 5});
    REQUIRE(set.labels.shape == Shape{3});
    CHECK(set.labels.view<const int32_t>()(0) == 7);
    CHECK(set.labels.view<const int32_t>()(2) == 9);

    CHECK(refusal([] { coulter::read_mnist(folder / "labels-idx1-ubyte", folder / "labels-idx1-ubyte"); }) ==
          "labels-idx1-ubyte: byte 0: no images: wanted u8 in three dims, as train-images-idx3-ubyte has them");
    CHECK(refusal([] { coulter::read_mnist(folder / "images-idx3-ubyte", folder / "counts-idx1-short"); }) ==
          "counts-idx1-short: byte 0: no labels: wanted u8 in one dim, as train-labels-idx1-ubyte has them");
    const std::filesystem::path other =
        std::filesystem::temp_directory_path() / ("coulter-labels-" + std::to_string(std::random_device{}()));
    const Bytes two = first(with(bytes_of("labels-idx1-ubyte"), 7, {2}), 10);
    std::ofstream(other, std::ios::binary).write(reinterpret_cast<const char*>(two.data()), 10);
    CHECK(refusal([&] { coulter::read_mnist(folder / "images-idx3-ubyte", other); }) ==
          other.string() + ": byte 0: 2 labels, and images-idx3-ubyte has 3 images");
    std::filesystem::remove(other);
}

TEST_CASE("IDX files that are cut, of another format, or of sizes that do not fit are refused") {
    const Bytes good = bytes_of("images-idx3-ubyte");
    CHECK(idx(good) == "accepted");
    CHECK(idx({}) == "byte 0: the file ends in the four bytes that an IDX file begins with");
    CHECK(idx(first(good, 3)) == "byte 3: the file ends in the four bytes that an IDX file begins with");
    CHECK(idx(first(good, 15)) == "byte 15: the file ends in the extents of its 3 dims");
    CHECK(idx(first(good, 75)) == "byte 75: the extents need 60 bytes of elements, the file has 59");
    CHECK(idx(first(good, 77)) == "byte 76: the extents need 60 bytes of elements, the file has 61");
    CHECK(idx(with(good, 0, {1})) == "byte 0: no IDX file: it does not begin with two zero bytes");
    CHECK(idx(with(good, 0, {0x1f, 0x8b})) == "byte 0: the file is compressed by gzip: run gunzip first");
    CHECK(idx(with(good, 2, {7})) == "byte 2: no IDX file: 7 is no type of elements");
    CHECK(idx(with(good, 2, {0x0d})) == "byte 76: the extents need 240 bytes of elements, the file has 60");
    CHECK(idx(with(good, 3, {17})) == "byte 3: 17 dims, and 16 are the most");
    CHECK(idx(with(good, 4, {255, 255, 255, 255, 255, 255, 255, 255})) ==
          "byte 4: the size of the tensor is beyond 64 bits");
    survive(coulter::parse_idx, good);
}

TEST_CASE("a part of smallNORB's kind is read") {
    coulter::StereoImages set =
        coulter::read_smallnorb(folder / "norb-dat.mat", folder / "norb-cat.mat", folder / "norb-info.mat");
    REQUIRE(set.images.shape == Shape{2, 2, 3, 4});
    const auto pixel = set.images.view<const uint8_t>();
    for (int camera = 0; camera < 2; ++camera) {
        for (int y = 0; y < 3; ++y) {
            CHECK(pixel(1, camera, y, 3) == 31 + 17 * camera + 7 * y + 9);
        }
    }
    REQUIRE(set.category.shape == Shape{2});
    CHECK(set.category.view<const int32_t>()(0) == 4);
    REQUIRE(set.info.shape == Shape{2, 4});
    CHECK(set.info.view<const int32_t>()(1, 2) == 12);

    const auto read = [](const char* dat, const char* cat, const char* info) {
        return refusal([&] { coulter::read_smallnorb(folder / dat, folder / cat, folder / info); });
    };
    CHECK(read("norb-cat.mat", "norb-cat.mat", "norb-info.mat") ==
          "norb-cat.mat: byte 0: a matrix of 32 bits and shape [2], wanted u8 [images, 2, height, width]");
    CHECK(read("norb-dat.mat", "norb-info.mat", "norb-info.mat") ==
          "norb-info.mat: byte 0: a matrix of 32 bits and shape [2, 4], wanted i32 [2], as many as there are images");
    CHECK(read("norb-dat.mat", "norb-cat.mat", "norb-cat.mat") ==
          "norb-cat.mat: byte 0: a matrix of 32 bits and shape [2], wanted i32 [2, 4], as many as there are images");
}

TEST_CASE("matrices that are cut, of another format, or of sizes that do not fit are refused") {
    const Bytes good = bytes_of("norb-info.mat");
    CHECK(matrix(good) == "accepted");
    CHECK(matrix(first(good, 7)) == "byte 7: the file ends in the magic number and the number of dims");
    CHECK(matrix(first(good, 19)) == "byte 19: the file ends in its extents, of which there are at least three");
    CHECK(matrix(first(good, 51)) == "byte 51: the extents need 32 bytes of elements, the file has 31");
    CHECK(matrix(first(good, 53)) == "byte 52: the extents need 32 bytes of elements, the file has 33");
    CHECK(matrix(with(good, 0, {0x52})) ==
          "byte 0: no smallNORB matrix: its magic number is none of 0x1e3d4c51 and 0x1e3d4c53 to 0x1e3d4c56");
    CHECK(matrix(with(good, 4, {17})) == "byte 4: 17 dims, and 16 are the most");
    CHECK(matrix(with(good, 8, {3})) == "byte 52: the extents need 48 bytes of elements, the file has 32");
    CHECK(matrix(with(good, 8, {255, 255, 255, 255})) == "byte 8: extent -1 is negative");
    survive(coulter::parse_smallnorb_matrix, good);
}
