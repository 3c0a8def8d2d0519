#include "png.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace demo {
namespace {

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& out, std::span<const std::uint8_t> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void big_endian(Bytes& out, std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(number >> shift));
    }
}

std::uint32_t crc32(const Bytes& bytes) {
    std::uint32_t crc = ~0U;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
        }
    }
    return ~crc;
}

std::uint32_t adler32(const Bytes& bytes) {
    std::uint32_t a = 1;
    std::uint32_t b = 0;
    for (const std::uint8_t byte : bytes) {
        a = (a + byte) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

void chunk(Bytes& out, std::string_view type, const Bytes& data) {
    big_endian(out, static_cast<std::uint32_t>(data.size()));
    Bytes body(type.begin(), type.end());
    append(body, data);
    append(out, body);
    big_endian(out, crc32(body));
}

/// zlib's format, with the bytes stored as they are: for a few dozen of them compression would gain nothing.
Bytes stored(const Bytes& bytes) {
    const auto size = static_cast<std::uint16_t>(bytes.size());
    Bytes out{0x78, 0x01, 0x01};
    for (const std::uint16_t half : {size, static_cast<std::uint16_t>(~size)}) {
        out.push_back(static_cast<std::uint8_t>(half & 0xff));
        out.push_back(static_cast<std::uint8_t>(half >> 8));
    }
    append(out, bytes);
    big_endian(out, adler32(bytes));
    return out;
}

std::string base64(const Bytes& bytes) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            group = group << 8 | (i < count ? bytes[at + i] : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            out += i <= count ? letters[group >> (18 - 6 * i) & 63] : '=';
        }
    }
    return out;
}

} // namespace

std::string png_data_uri(std::span<const std::uint8_t> grey, std::uint32_t width, std::uint32_t height) {
    Bytes header;
    big_endian(header, width);
    big_endian(header, height);
    header.insert(header.end(), {8, 0, 0, 0, 0}); // eight bits, grey, no interlacing
    Bytes rows;
    for (std::uint32_t y = 0; y < height; ++y) {
        rows.push_back(0); // no filter
        append(rows, grey.subspan(std::size_t{y} * width, width));
    }
    Bytes file{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    chunk(file, "IHDR", header);
    chunk(file, "IDAT", stored(rows));
    chunk(file, "IEND", {});
    return "data:image/png;base64," + base64(file);
}

} // namespace demo
