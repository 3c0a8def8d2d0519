// Consts beside the text, and kernels in files.

#include "coulter/fingerprint.hpp"
#include "support/build_kernel.hpp"
#include "text_support.hpp"

#include <chrono>
#include <cstring>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

using namespace coulter;
using namespace coulter::test;

namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
public:
    TemporaryFolder() : path_(fs::temp_directory_path() / ("coulter_text_" + std::to_string(::getpid()))) {
        fs::remove_all(path_);
        fs::create_directories(path_);
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
}

void write(const fs::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
}

/// A kernel with a const of rows x 13 elements: small enough for the text with 4 rows.
ir::Kernel with_const(std::int64_t rows, Type type = Type::f32) {
    KernelBuilder builder("k");
    builder.dim("a", rows).dim("b", 13);
    std::vector<std::byte> data(static_cast<std::size_t>(rows * 13) * static_cast<std::size_t>(bytes(type)));
    for (std::size_t i = 0; i < data.size(); ++i) {
        data[i] = static_cast<std::byte>(i * 7 + i / 256);
    }
    builder.tensor_const("big", type, {"a", "b"}, data);
    builder.map("t", {"a", "b"}, {builder.at("big")});
    return builder.kernel();
}

std::string messages(const ParseResult& result) {
    std::string all;
    for (const Diagnostic& diagnostic : result.diagnostics) {
        all += render(diagnostic);
    }
    return all;
}

} // namespace

TEST_CASE("consts of up to 64 elements stand in the text with every bit") {
    for (const Type type : {Type::f64, Type::f32, Type::f16, Type::bf16, Type::i8, Type::i64, Type::u16, Type::u64}) {
        const ir::Kernel kernel = with_const(4, type);
        const std::string text = print(kernel);
        CHECK(text.find("file") == std::string::npos);
        CHECK(ir::equal(parsed(text), kernel));
    }
}

TEST_CASE("larger consts stand in a safetensors file beside the text") {
    const TemporaryFolder folder;
    const ir::Kernel kernel = with_const(5);
    write_kernel(kernel, folder.path());
    const std::string text = read(folder.path() / "k.coulter");
    CHECK(text == print(kernel));
    CHECK(text.find("const big: f32[a, b] = file \"") != std::string::npos);
    CHECK(text.size() < 400);
    const ParseResult result = read_kernel(folder.path() / "k.coulter");
    REQUIRE_MESSAGE(result.kernel.has_value(), messages(result));
    CHECK(ir::equal(*result.kernel, kernel));

    const std::string file = read(folder.path() / "k.const.safetensors");
    std::uint64_t header = 0;
    std::memcpy(&header, file.data(), 8);
    CHECK(header % 8 == 0);
    CHECK(file.size() == 8 + header + 5 * 13 * 4);
    CHECK(file.substr(8, header).find("\"dtype\":\"F32\"") != std::string::npos);
    const std::string hash = sha256("f32[5,13]\n" + file.substr(8 + header));
    CHECK(text.find(hash) != std::string::npos);
    CHECK(ir::equal(*parse(text, "k.coulter", file).kernel, kernel));
}

TEST_CASE("equal consts are stored once") {
    const TemporaryFolder folder;
    ir::Kernel kernel = with_const(5);
    kernel.consts.push_back(kernel.consts[0]);
    kernel.consts[1].name = "again";
    write_kernel(kernel, folder.path());
    CHECK(read(folder.path() / "k.const.safetensors").size() < 8 + 200 + 5 * 13 * 4);
    CHECK(ir::equal(*read_kernel(folder.path() / "k.coulter").kernel, kernel));
}

TEST_CASE("a const file that is missing, changed or malformed is refused") {
    const TemporaryFolder folder;
    const ir::Kernel kernel = with_const(5);
    write_kernel(kernel, folder.path());
    const std::string text = print(kernel);
    const std::string file = read(folder.path() / "k.const.safetensors");
    CHECK(rejection(text).find("[T018]") != std::string::npos);
    CHECK(rejection(text, file).empty());
    std::string changed = file;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    CHECK(rejection(text, changed).find("does not have that hash") != std::string::npos);
    changed = file;
    changed.replace(changed.find("[5,13]"), 6, "[13,5]");
    CHECK(rejection(text, changed).find("F32[13,5] there, and F32[5,13] is wanted") != std::string::npos);
    changed = file;
    changed.replace(changed.find("dtype"), 5, "dtipe");
    CHECK(rejection(text, changed).find("malformed") != std::string::npos);
    fs::remove(folder.path() / "k.const.safetensors");
    CHECK(messages(read_kernel(folder.path() / "k.coulter")).find("[T018]") != std::string::npos);
}

TEST_CASE("2,000 damaged const files neither crash nor pass") {
    const ir::Kernel kernel = with_const(5);
    const TemporaryFolder folder;
    write_kernel(kernel, folder.path());
    const std::string text = print(kernel);
    const std::string file = read(folder.path() / "k.const.safetensors");
    for (std::size_t length = 0; length < file.size(); length += 3) {
        CHECK(!rejection(text, file.substr(0, length)).empty());
    }
    std::uint64_t state = 1;
    for (int i = 0; i < 2000; ++i) {
        std::string damaged = file;
        for (int k = 0; k < 3; ++k) {
            state = state * 6364136223846793005 + 1442695040888963407;
            damaged[(state >> 33) % damaged.size()] = static_cast<char>(state >> 24);
        }
        const ParseResult result = parse(text, "k.coulter", damaged);
        if (result.kernel) {
            REQUIRE(ir::equal(*result.kernel, kernel)); // the damage was in the padding
        }
    }
    std::string deep(8, '\0');
    deep += std::string(1'000'000, '[');
    const std::uint64_t length = 1'000'000;
    std::memcpy(deep.data(), &length, 8);
    CHECK(rejection(text, deep).find("not a JSON object") != std::string::npos);
}

TEST_CASE("files that would not change are left untouched") {
    const TemporaryFolder folder;
    ir::Kernel kernel = with_const(5);
    write_kernel(kernel, folder.path());
    const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
    for (const auto& entry : fs::directory_iterator(folder.path())) {
        fs::last_write_time(entry.path(), old);
    }
    const auto text_time = fs::last_write_time(folder.path() / "k.coulter");
    write_kernel(kernel, folder.path());
    CHECK(fs::last_write_time(folder.path() / "k.coulter") == text_time);
    CHECK(fs::last_write_time(folder.path() / "k.const.safetensors") == text_time);
    kernel.estimates["a"] = 5;
    write_kernel(kernel, folder.path());
    CHECK(fs::last_write_time(folder.path() / "k.coulter") != text_time);
    CHECK(fs::last_write_time(folder.path() / "k.const.safetensors") == text_time);
    write_kernel(with_const(4), folder.path()); // its const stands in the text
    CHECK(!fs::exists(folder.path() / "k.const.safetensors"));
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) ==
          1); // no temporary file stays
}

TEST_CASE("a file that cannot be read or written says so") {
    const TemporaryFolder folder;
    CHECK(messages(read_kernel(folder.path() / "none.coulter")).find("does not exist [T019]") != std::string::npos);
    CHECK(messages(read_kernel(folder.path())).find("cannot be read [T019]") != std::string::npos);
    write(folder.path() / "file", "");
    CHECK_THROWS_AS(write_kernel(with_const(1), folder.path() / "file"), fs::filesystem_error);
    fs::create_directories(folder.path() / "k.coulter" / "full");
    CHECK_THROWS_AS(write_kernel(with_const(1), folder.path()), fs::filesystem_error);
    fs::resize_file(folder.path() / "file", std::uintmax_t{1} << 40); // sparse
    CHECK(messages(read_kernel(folder.path() / "file")).find("[T002]") != std::string::npos);
}
