// Generator programs: what they write, what they refuse, and with which exit code.
#include <coulter/coulter.h>
#include <coulter/text.hpp>
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace coulter;

namespace {

Kernel doubled() {
    const Dim i("i");
    const Input x("x", f32, {i});
    Tensor y("y");
    y(i) = 2 * x;
    return Kernel("doubled", {y});
}

Kernel window(const Params& params) {
    const Dim y("y"), i("i"), k("k", params.integer("size", 3));
    const Input x("x", f32, {i});
    Tensor t("t");
    t(y) = sum({k}, x(i(y + k))) * params.real("scale", 1.0);
    return Kernel("window", {t});
}

Kernel broken() {
    const Dim i("i");
    const Input x("x", i32, {i});
    Tensor y("y");
    y(i) = sqrt(x);
    return Kernel("broken", {y});
}

Kernel misnamed() {
    return doubled();
}

struct Result {
    int code = 0;
    std::string out;
    std::string error;
};

std::string take(std::FILE* file) {
    std::string text;
    std::rewind(file);
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
        text += static_cast<char>(c);
    }
    std::fclose(file);
    return text;
}

// Runs a generator with its output streams in files.
Result run(const std::vector<KernelFactory>& kernels, std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "some/folder/generator");
    std::fflush(stdout);
    std::fflush(stderr);
    std::FILE* out = std::tmpfile();
    std::FILE* error = std::tmpfile();
    const int old_out = dup(1);
    const int old_error = dup(2);
    dup2(fileno(out), 1);
    dup2(fileno(error), 2);
    Result result;
    result.code = generate(static_cast<int>(arguments.size()), arguments.data(), kernels);
    std::fflush(stdout);
    std::fflush(stderr);
    dup2(old_out, 1);
    dup2(old_error, 2);
    close(old_out);
    close(old_error);
    result.out = take(out);
    result.error = take(error);
    return result;
}

struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("coulter_generate_" + std::to_string(getpid()));
    Folder() { std::filesystem::remove_all(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    [[nodiscard]] std::size_t files() const {
        if (!std::filesystem::exists(path)) return 0;
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
    }
};

const std::vector<KernelFactory> both{{"doubled", doubled}, {"window", window}};

} // namespace

TEST_CASE("each kernel becomes a file that parses to the same kernel") {
    const Folder folder;
    const std::string path = folder.path / "sub";
    const Result result = run(both, {"-o", path.c_str()});
    CHECK(result.code == 0);
    CHECK(result.error == "");
    const ParseResult parsed = read_kernel(std::filesystem::path(path) / "doubled.coulter");
    REQUIRE(parsed.kernel);
    CHECK(ir::equal(*parsed.kernel, doubled().ir()));
    CHECK(std::filesystem::exists(std::filesystem::path(path) / "window.coulter"));
}

TEST_CASE("names choose kernels, parameters reach them") {
    const Folder folder;
    const std::string path = folder.path;
    CHECK(run(both, {"window", "-o", path.c_str(), "-p", "size=5", "-pscale=0.5"}).code == 0);
    CHECK(folder.files() == 1);
    const ParseResult parsed = read_kernel(folder.path / "window.coulter");
    REQUIRE(parsed.kernel);
    CHECK(parsed.kernel->find_dim("k")->size == 5);
}

TEST_CASE("--list names the kernels and writes nothing, --help shows an example") {
    const Result list = run(both, {"--list"});
    CHECK(list.code == 0);
    CHECK(list.out == "doubled\nwindow\n");
    const Result help = run(both, {"--help"});
    CHECK(help.code == 0);
    CHECK(help.out.find("usage: generator -o DIR") == 0);
    CHECK(help.out.find("example: generator -o build/kernels doubled") != std::string::npos);
}

TEST_CASE("mistakes in a kernel are printed, the exit code is 1 and nothing is written") {
    const Folder folder;
    const std::string path = folder.path;
    const Result result = run({{"doubled", doubled}, {"broken", broken}}, {"-o", path.c_str()});
    CHECK(result.code == 1);
    CHECK(result.error.find("error: `sqrt` does not take i32 [L018]") != std::string::npos);
    CHECK(folder.files() == 0);
    const Result other = run({{"other", misnamed}}, {"-o", path.c_str()});
    CHECK(other.code == 1);
    CHECK(other.error == "error: the kernel listed as `other` calls itself `doubled` [L040]\n"
                         "help: files and libraries go by the name: make the two equal\n");
    const Result value = run(both, {"-o", path.c_str(), "-p", "size=big"});
    CHECK(value.code == 1);
    CHECK(value.error == "error: parameter `size` is `big`, and it wants a whole number [L042]\n"
                         "help: give it as `-p size=...`\n");
}

TEST_CASE("a wrong command line is told apart, with exit code 2") {
    const auto error = [](std::vector<const char*> arguments) {
        const Result result = run(both, std::move(arguments));
        CHECK(result.code == 2);
        CHECK(result.out == "");
        return result.error;
    };
    CHECK(error({"-o", "never_made", "windw"}) ==
          "error: there is no kernel `windw` [L041]\n"
          "help: did you mean `window`? the kernels are `doubled` and `window`\n");
    CHECK(error({"--lsit"}) == "error: there is no option `--lsit` [L041]\n"
                               "help: did you mean `--list`? the options are `-o`, `-p`, `--list` and `--help`\n");
    CHECK(error({}).find("no folder to write into") != std::string::npos);
    CHECK(error({"-o"}).find("`-o` needs a value") != std::string::npos);
    CHECK(error({"-o", "never_made", "-p", "size"}).find("`-p size` is no parameter") != std::string::npos);
    CHECK(error({"-o", "never_made", "-p", "size=1", "-p", "size=2"}).find("given twice") != std::string::npos);
    CHECK(error({"-o", "never_made", "-p", "sise=1"}) ==
          "error: no kernel has a parameter `sise` [L041]\n"
          "help: did you mean `size`? the parameters are `scale` and `size`\n");
    CHECK_FALSE(std::filesystem::exists("never_made"));
}

TEST_CASE("a folder that cannot be made is exit code 4") {
    const Folder folder;
    std::ofstream(folder.path) << "a file";
    const std::string path = folder.path / "sub";
    const Result result = run(both, {"-o", path.c_str()});
    CHECK(result.code == 4);
    CHECK(result.error.find("error: cannot write into") == 0);
    std::filesystem::remove(folder.path);
}
