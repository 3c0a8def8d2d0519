#pragma once
/// The page of `coulter report`: one file that needs no other, for screens in light and in dark, and for paper.

#include "report_facts.hpp"

namespace coulter::cli {

/// The whole page.
[[nodiscard]] std::string report_page(const ReportFacts& facts);

/// What the page's classes look like.
[[nodiscard]] const char* report_style();

/// The loop nests as `show --as loops` prints them, with colours for what runs how, and the bytes of what is stored as
/// notes. Without tags and notes it is that text.
[[nodiscard]] std::string loops_markup(const std::string& loops, const schedule::MemoryUse& memory);

/// What each launch takes of NVIDIA's devices.
[[nodiscard]] std::string launches_section(const DeviceCode& code);

/// Operations per second over operations per byte, with what the machine can do at most: an SVG.
[[nodiscard]] std::string roofline_chart(const ReportFacts& facts);

/// Times of the candidates of a search in their order, and the best so far: an SVG. \pre one was timed.
[[nodiscard]] std::string search_chart(const SearchHistory& search, double now);

} // namespace coulter::cli
