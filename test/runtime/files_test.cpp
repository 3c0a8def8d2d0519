/// Readers and writers of tensor files: round trips, hand-written files, and malformed ones.
#include "support/run_options.hpp"

#include <coulter/npy.hpp>
#include <coulter/safetensors.hpp>
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

using coulter::FileArray;
using coulter::FormatError;
using Bytes = std::vector<std::byte>;

namespace {

const std::vector<DLDataType> all_types{{kDLBool, 8, 1},   {kDLInt, 8, 1},    {kDLInt, 16, 1},   {kDLInt, 32, 1},
                                        {kDLInt, 64, 1},   {kDLUInt, 8, 1},   {kDLUInt, 16, 1},  {kDLUInt, 32, 1},
                                        {kDLUInt, 64, 1},  {kDLFloat, 16, 1}, {kDLFloat, 32, 1}, {kDLFloat, 64, 1},
                                        {kDLBfloat, 16, 1}};

FileArray random_array(DLDataType type, std::vector<int64_t> shape, std::mt19937& random) {
    FileArray array;
    array.type = type;
    array.shape = std::move(shape);
    size_t bytes = type.bits / 8;
    for (const int64_t extent : array.shape) {
        bytes *= static_cast<size_t>(extent);
    }
    array.data.resize(bytes);
    for (std::byte& byte : array.data) {
        byte = static_cast<std::byte>(random() & (type.code == kDLBool ? 1 : 255));
    }
    return array;
}

bool same(const FileArray& a, const FileArray& b) {
    return a.type.code == b.type.code && a.type.bits == b.type.bits && a.shape == b.shape && a.data == b.data;
}

Bytes bytes_of(const std::string& text) {
    Bytes bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
}

Bytes npy(const std::string& header, const std::string& data) {
    std::string text("\x93NUMPY\x01\x00", 8);
    text += static_cast<char>(header.size() & 255);
    text += static_cast<char>(header.size() >> 8);
    return bytes_of(text + header + data);
}

Bytes safetensors(const std::string& header, const std::string& data) {
    std::string text;
    for (int i = 0; i < 8; ++i) {
        text += static_cast<char>(header.size() >> (8 * i) & 255);
    }
    return bytes_of(text + header + data);
}

std::string refusal(const std::function<void()>& body) {
    try {
        body();
    } catch (const FormatError& error) {
        CHECK(error.code() == COULTER_ERROR_FORMAT);
        return error.what();
    }
    return "accepted";
}

std::string npy_refusal(const std::string& header, const std::string& data) {
    return refusal([&] { coulter::parse_npy(npy(header, data)); });
}

std::string safetensors_refusal(const std::string& header, const std::string& data) {
    return refusal([&] { coulter::parse_safetensors(safetensors(header, data)); });
}

/// A directory that goes away.
struct Scratch {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("coulter-files-" + std::to_string(std::random_device{}()));
    Scratch() { std::filesystem::create_directory(path); }
    ~Scratch() { std::filesystem::remove_all(path); }
};

coulter::Safetensors sample(std::mt19937& random) {
    coulter::Safetensors file;
    for (size_t i = 0; i < all_types.size(); ++i) {
        file.tensors["tensor." + std::to_string(i)] =
            random_array(all_types[i], {2, static_cast<int64_t>(i), 3}, random);
    }
    file.tensors["scalar \"quoted\" \xc3\xa9"] = random_array({kDLFloat, 32, 1}, {}, random);
    file.metadata = {{"format", "coulter"}, {"note", "line\nbreak"}};
    return file;
}

/// Changes a few bytes, or the length.
void mutate(Bytes& bytes, std::mt19937& random) {
    const auto anywhere = [&] { return static_cast<size_t>(random() % bytes.size()); };
    switch (random() % 8) {
    case 0: bytes.resize(anywhere()); break;
    case 1:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(anywhere()), static_cast<std::byte>(random()));
        break;
    case 2: bytes[random() % std::min<size_t>(bytes.size(), 160)] = static_cast<std::byte>(random()); break;
    default:
        for (auto left = 1 + random() % 3; left > 0; --left) {
            bytes[anywhere()] ^= static_cast<std::byte>(1u << random() % 8);
        }
    }
}

struct Outcome {
    uint64_t accepted = 0;
    uint64_t refused = 0;
};

/// Parses mutants of a file. What is refused must be so by a FormatError that has a position in the file.
Outcome survive(const Bytes& original, uint64_t mutants, uint64_t seed, const std::function<void(const Bytes&)>& parse) {
    Outcome outcome;
    std::mt19937 random(static_cast<uint32_t>(seed));
    for (uint64_t i = 0; i < mutants; ++i) {
        Bytes bytes = original;
        mutate(bytes, random);
        try {
            parse(bytes);
            ++outcome.accepted;
        } catch (const FormatError& error) {
            ++outcome.refused;
            if (error.position() > bytes.size()) {
                CAPTURE(seed);
                CAPTURE(i);
                FAIL_CHECK(error.what());
            }
        }
    }
    return outcome;
}

} // namespace

TEST_CASE("every type and shape survives .npy") {
    std::mt19937 random(1);
    for (const DLDataType& type : all_types) {
        for (const std::vector<int64_t>& shape :
             std::vector<std::vector<int64_t>>{{}, {0}, {1}, {7}, {3, 0, 2}, {2, 3, 4}}) {
            const FileArray array = random_array(type, shape, random);
            if (type.code == kDLBfloat) {
                CHECK(refusal([&] { coulter::format_npy(array); }) ==
                      "byte 0: NumPy has no type for elements with type code 4 and 16 bits; safetensors may have one");
                continue;
            }
            const Bytes bytes = coulter::format_npy(array);
            CHECK((bytes.size() - array.data.size()) % 64 == 0);
            CHECK(same(coulter::parse_npy(bytes), array));
        }
    }
}

TEST_CASE("a header as NumPy writes it is read") {
    const FileArray array =
        coulter::parse_npy(npy("{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }   \n", {"a\0b\0c\0", 6}));
    CHECK(array.shape == std::vector<int64_t>{3});
    CHECK(array.type.bits == 16);
}

TEST_CASE("Fortran order is brought into C order") {
    const FileArray array = coulter::parse_npy(npy("{\"shape\":(2,3),'fortran_order':True,'descr':'|u1'}", "adbecf"));
    CHECK(array.shape == std::vector<int64_t>{2, 3});
    CHECK(array.data == bytes_of("abcdef"));
    // Element [i, j, k] of the cube is the letter 4i + 2j + k; in the file i varies fastest.
    const FileArray cube =
        coulter::parse_npy(npy("{'shape': (2, 2, 2), 'fortran_order': True, 'descr': '|u1'}", "aecgbfdh"));
    CHECK(cube.data == bytes_of("abcdefgh"));
}

TEST_CASE("a malformed .npy file is refused with the position and the reason") {
    const std::string good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }";
    CHECK(npy_refusal(good, "ab") == "accepted");
    CHECK(npy_refusal(good, "a") == "byte 68: the file has 1 bytes of data, its header says 2");
    CHECK(npy_refusal(good, "abc") == "byte 69: the file has 3 bytes of data, its header says 2");
    CHECK(npy_refusal("{'descr': '>f4', 'fortran_order': False, 'shape': ()}", "abcd") ==
          "byte 20: element type `>f4` is not supported");
    CHECK(npy_refusal("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", "abcd") ==
          "byte 20: structured arrays are not supported");
    CHECK(npy_refusal("{'descr': '|u1', 'fortran_order': 1, 'shape': ()}", "a") ==
          "byte 44: expected True or False in the header");
    CHECK(npy_refusal("{'descr': '|u1', 'descr': '|u1'}", "a") == "byte 27: unknown or repeated key in the header");
    CHECK(npy_refusal("{'descr': '|u1', 'shape': (1,)}", "a") ==
          "byte 41: the header lacks `descr`, `fortran_order` or `shape`");
    CHECK(npy_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "") ==
          "byte 10: the size of the tensor is beyond 64 bits");
    CHECK(npy_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}", "") ==
          "byte 77: the file has 0 bytes of data, its header says 8796093022208");
    CHECK(npy_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", "") ==
          "byte 61: an extent is beyond 64 bits");
    CHECK(npy_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "") ==
          "byte 61: expected an extent in the header");
    CHECK(npy_refusal("", "") == "byte 10: expected `{` in the header");
    CHECK(refusal([] { coulter::parse_npy(bytes_of("PK\x03\x04")); }) == "byte 0: not a .npy file");
    CHECK(refusal([] { coulter::parse_npy({}); }) == "byte 0: not a .npy file");
    CHECK(refusal([] { coulter::parse_npy(bytes_of("\x93NUMPY\x04")); }) == "byte 7: the file ends in its preamble");
    CHECK(refusal([] { coulter::parse_npy(bytes_of(std::string("\x93NUMPY\x04\x00{}", 10))); }) ==
          "byte 6: format version 4.0 is not supported");
    CHECK(refusal([] { coulter::parse_npy(bytes_of(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14))); }) ==
          "byte 8: a header of 4294967295 bytes, but the file has 2 and 65536 is the most");
}

TEST_CASE("every type survives safetensors, with names and metadata, aligned and always the same") {
    std::mt19937 random(2);
    const coulter::Safetensors file = sample(random);
    const Bytes bytes = coulter::format_safetensors(file);
    CHECK(bytes == coulter::format_safetensors(file));
    const coulter::Safetensors read = coulter::parse_safetensors(bytes);
    CHECK(read.metadata == file.metadata);
    REQUIRE(read.tensors.size() == file.tensors.size());
    for (const auto& tensor : file.tensors) {
        const std::string& name = tensor.first;
        CAPTURE(name);
        REQUIRE(read.tensors.contains(name));
        CHECK(same(read.tensors.at(name), tensor.second));
    }
    CHECK(coulter::parse_safetensors(coulter::format_safetensors({})).tensors.empty());
}

TEST_CASE("a malformed safetensors file is refused with the position and the reason") {
    CHECK(safetensors_refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}  )", "xy") == "accepted");
    CHECK(safetensors_refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xyz") ==
          "byte 8: the tensors cover 2 bytes of data, the file has 3");
    CHECK(safetensors_refusal(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,2]}})", "xy") ==
          "byte 14: a tensor has 2 bytes of data, its shape and type need 3");
    CHECK(safetensors_refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,3]}})", "xy") ==
          "byte 14: `data_offsets` are not two positions in the file's data");
    CHECK(safetensors_refusal(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xy") ==
          "byte 14: the data of a tensor begins at offset 1, wanted 0 after the one before it");
    CHECK(
        safetensors_refusal(
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            "xyz") == "byte 66: the data of a tensor begins at offset 1, wanted 2 after the one before it");
    CHECK(safetensors_refusal(R"({"a":{"dtype":"F8","shape":[],"data_offsets":[0,1]}})", "x") ==
          "byte 26: unsupported element type");
    CHECK(safetensors_refusal(R"({"a":{"dtype":"U8","shape":[]}})", "x") ==
          "byte 38: a tensor lacks `dtype`, `shape` or `data_offsets`");
    CHECK(
        safetensors_refusal(R"({"a":{"dtype":"U8","dtype":"U8"}})", "x").find("unknown or repeated key of a tensor") !=
        std::string::npos);
    CHECK(safetensors_refusal(R"({"a":{},"a":{}})", "").find("a tensor lacks") != std::string::npos);
    CHECK(safetensors_refusal(R"({"__metadata__":{"a":1}})", "").find("unexpected number in the header") !=
          std::string::npos);
    CHECK(safetensors_refusal(R"({"a":{"shape":[-1]}})", "").find("negative number in the header") !=
          std::string::npos);
    CHECK(safetensors_refusal(R"({"a":{"shape":[1.5]}})", "").find("expected an integer in the header") !=
          std::string::npos);
    CHECK(safetensors_refusal(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "") ==
          "byte 14: the size of the tensor is beyond 64 bits");
    CHECK(safetensors_refusal(R"({"a":{"dtype":"F64","shape":[18446744073709551615],"data_offsets":[0,0]}})", "")
              .find("number beyond 63 bits in the header") != std::string::npos);
    CHECK(safetensors_refusal(R"({"a":)", "").find("the header is not JSON") != std::string::npos);
    CHECK(safetensors_refusal("[]", "") == "byte 8: the header does not begin with `{`");
    CHECK(safetensors_refusal("{" + std::string(1 << 20, '['), "").find("the header is not JSON") != std::string::npos);
    CHECK(safetensors_refusal("{\"a\":" + std::string(1 << 20, '['), "").find("unexpected list") != std::string::npos);
    CHECK(refusal([] { coulter::parse_safetensors(bytes_of("abc")); }) ==
          "byte 3: the file ends in the length of its header");
    CHECK(refusal([] { coulter::parse_safetensors(bytes_of(std::string(8, '\xff') + "{}")); }) ==
          "byte 0: a header of 18446744073709551615 bytes, but the file has 2 and 100000000 is the most");
}

TEST_CASE("mutants of files are parsed or refused, and nothing else") {
    std::mt19937 random(3);
    coulter::Safetensors file = sample(random);
    // Mostly data, as real files are: then most mutants still parse, and are read to their end.
    file.tensors["large"] = random_array({kDLFloat, 32, 1}, {40, 100}, random);
    const uint64_t mutants = coulter::test::mutations(10'000);
    const Outcome of_safetensors = survive(coulter::format_safetensors(file), mutants, coulter::test::first_seed() + 4,
                                           [](const Bytes& bytes) { coulter::parse_safetensors(bytes); });
    const Outcome of_npy = survive(coulter::format_npy(file.tensors["large"]), mutants, coulter::test::first_seed() + 5,
                                   [](const Bytes& bytes) { coulter::parse_npy(bytes); });
    MESSAGE("safetensors: ", of_safetensors.accepted, " parsed, ", of_safetensors.refused,
            " refused; npy: ", of_npy.accepted, " parsed, ", of_npy.refused, " refused");
    CHECK(of_safetensors.accepted >= mutants / 2);
    CHECK(of_npy.accepted >= mutants / 2);
    CHECK(of_safetensors.refused >= mutants / 10);
    CHECK(of_npy.refused >= mutants / 10);
}

TEST_CASE("a file cut at any byte is refused") {
    std::mt19937 random(6);
    const Bytes whole = coulter::format_safetensors(sample(random));
    const Bytes whole_npy = coulter::format_npy(random_array({kDLInt, 16, 1}, {3, 5}, random));
    for (size_t size = 0; size < whole.size(); ++size) {
        CHECK(refusal([&] { coulter::parse_safetensors({whole.data(), size}); }) != "accepted");
    }
    for (size_t size = 0; size < whole_npy.size(); ++size) {
        CHECK(refusal([&] { coulter::parse_npy({whole_npy.data(), size}); }) != "accepted");
    }
}

TEST_CASE("files are replaced whole, and errors name them") {
    const Scratch scratch;
    std::mt19937 random(7);
    const auto path = scratch.path / "weights.safetensors", array_path = scratch.path / "array.npy";
    const coulter::Safetensors file = sample(random);
    coulter::write_safetensors(path, {});
    coulter::write_safetensors(path, file);
    CHECK(coulter::read_safetensors(path).tensors.size() == file.tensors.size());
    const FileArray array = random_array({kDLFloat, 64, 1}, {4, 4}, random);
    coulter::write_npy(array_path, array);
    CHECK(same(coulter::read_npy(array_path), array));
    CHECK(std::distance(std::filesystem::directory_iterator(scratch.path), {}) == 2);

    FileArray wrong = array;
    wrong.shape = {4, 5};
    CHECK(refusal([&] { coulter::write_npy(array_path, wrong); }) ==
          "byte 0: an array has 128 bytes, its shape and type need 160");
    CHECK(same(coulter::read_npy(array_path), array));
    CHECK(refusal([&] { coulter::read_npy(path); }) == path.string() + ": byte 0: not a .npy file");

    const auto missing = scratch.path / "none" / "array.npy";
    for (const std::function<void()>& body : {std::function<void()>([&] { coulter::read_npy(missing); }),
                                              std::function<void()>([&] { coulter::write_npy(missing, array); }),
                                              std::function<void()>([&] { coulter::read_npy(scratch.path); })}) {
        try {
            body();
            FAIL_CHECK("accepted");
        } catch (const coulter::Error& error) {
            CHECK(error.code() == COULTER_ERROR_FILE);
        }
    }
}

TEST_CASE("an array gives a typed view") {
    coulter::Tensor<int32_t> tensor({2, 2}, {1, 2, 3, 4});
    FileArray array = FileArray::copy_of<int32_t>(tensor);
    CHECK(array.view<int32_t>()(1, 0) == 3);
    CHECK_THROWS_AS(array.view<float>(), const coulter::Error&);
}
