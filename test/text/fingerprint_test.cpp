#include "coulter/fingerprint.hpp"
#include "text_support.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// Fingerprint of the definition `t` below some declarations.
std::string of(const std::string& definition) {
    const ir::Kernel kernel = parsed("coulter 1\nkernel k\ndim i\ndim j\ndim n\ndim m = 3\ninput a: f32[i, j]\n"
                                     "input b: f32[j]\ninput c: f32[n]\ninput e: f64[i]\n" +
                                     definition + "\noutput t\n");
    return fingerprint(*kernel.find_definition("t"));
}

} // namespace

TEST_CASE("sha256 gives the published digests") {
    CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(sha256(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256 of every length around a block differs") {
    std::vector<std::string> seen;
    for (std::size_t length = 50; length < 140; ++length) {
        seen.push_back(sha256(std::string(length, 'x')));
        CHECK(std::count(seen.begin(), seen.end(), seen.back()) == 1);
    }
}

TEST_CASE("a definition's fingerprint is eight hex digits and stable") {
    CHECK(of("t: f32[i] = sum {j} a * b").size() == 8);
    CHECK(of("t: f32[i] = sum {j} a * b") == of("\n\n# moved\nt: f32[i] =\n    sum {j}\n    a*b"));
}

TEST_CASE("what the fingerprint ignores") {
    CHECK_MESSAGE(of("t: f32[i, j] = a") == of("t: f32[j, i] = a"), "the order of dims is layout");
    CHECK_MESSAGE(of("t: f32[i] = c(n = 2 * i)") == of("t: f32[j] = c(n = 2 * j)"), "dims are renamed by first use");
    CHECK_MESSAGE(of("t: f32[i] = exp(b(j = i)) * exp(b(j = i))") == of("t: f32[i] = let $0 = exp(b(j = i)); $0 * $0"),
                  "sharing is no meaning");
    CHECK_MESSAGE(of("t: f32[i, m] = sum {j where i < j} a * 2.0") == of("t: f32[i] = sum {j where i < j} a * 2.0"),
                  "for each index of a dim that no expression mentions the same is computed");
}

TEST_CASE("what the fingerprint sees") {
    const std::string base = of("t: f32[i] = sum {j where i < j} a * 2.0");
    for (const char* other :
         {"t: f32[i] = sum {j where i < j} a * 3.0", "t: f32[i] = sum {j where j < i} a * 2.0",
          "t: f32[i] = sum {j} a * 2.0", "t: f32[i] = max {j where i < j} a * 2.0",
          "t: f32[i] = sum {j where i < j} b * 2.0", "t: f64[i] = sum {j where i < j} f64(a * 2.0)",
          "t: f32[i] = sum {j where i < j} 2.0 * a", "t: f32[i] = sum {j, m where i < j} a * 2.0",
          "t: f32[i] = sum {j where i < j} clamped(a) * 2.0"}) {
        CAPTURE(other);
        CHECK(of(other) != base);
    }
    CHECK(of("t: f32[i] = scan {i} 1.0 identity 0.0 combine left.0 + right.0") !=
          of("t: f32[i] = scan {i} exclusive 1.0 identity 0.0 combine left.0 + right.0"));
}

TEST_CASE("a kernel's fingerprint leaves out estimates and places alone") {
    const std::string& text = sampler();
    const std::string base = fingerprint(parsed(text));
    CHECK(base.size() == 16);
    CHECK(fingerprint(parsed(text.substr(0, text.find("estimate")))) == base);
    CHECK(fingerprint(parsed("\n# moved down\n" + text)) == base);
    std::string changed = text;
    changed.replace(changed.find("0.5_f64"), 7, "0.6_f64");
    CHECK(fingerprint(parsed(changed)) != base);
}
