#pragma once
/// Small grey images as text that a page can hold.

#include <cstdint>
#include <span>
#include <string>

namespace demo {

/// A PNG as `data:image/png;base64,...`. \param grey row by row from the top, 0 is black; width * height of them, at
/// most 30,000 with the one byte per row that the format adds.
[[nodiscard]] std::string png_data_uri(std::span<const std::uint8_t> grey, std::uint32_t width, std::uint32_t height);

} // namespace demo
