#pragma once
// Lists of names.

#include <algorithm>
#include <string>
#include <vector>

namespace coulter {

[[nodiscard]] inline bool contains(const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

} // namespace coulter
