// The cards of the page, one per digit.

#include "page.hpp"
#include "png.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace demo {

std::string picture(const std::uint8_t* pixels) {
    std::array<std::uint8_t, digit_size * digit_size> grey{};
    for (std::size_t i = 0; i < grey.size(); ++i) {
        const int paper = 16 - std::min<int>(pixels[i], 16);
        grey[i] = static_cast<std::uint8_t>(paper * 255 / 16);
    }
    return png_data_uri(grey, digit_size, digit_size);
}

// Columns are 10 wide, a value of 1 is 30 high.
std::string class_bars(const float* values, int prediction, int label) {
    std::string svg =
        "<svg viewBox=\"0 0 100 42\" role=\"img\" aria-label=\"the classes\"><use href=\"#axis\"/><title>";
    for (int digit = 0; digit < 10; ++digit) {
        svg += std::to_string(digit) + ": " + fixed(100 * static_cast<double>(values[digit]), 2) + " %\n";
    }
    svg += "</title>";
    for (int digit = 0; digit < 10; ++digit) {
        const double height = 30 * static_cast<double>(values[digit]);
        if (height < 0.05) {
            continue;
        }
        const char* const kind = digit == label ? "is" : digit == prediction ? "not" : "other";
        svg += "<rect class=\"" + std::string(kind) + "\" x=\"" + std::to_string(10 * digit + 1) + "\" y=\"" +
               fixed(31 - height, 1) + "\" width=\"8\" height=\"" + fixed(height, 1) + "\"/>";
    }
    return svg + "</svg>";
}

Cards cards(HeldOut& digits, const Answers& answers) {
    const std::uint8_t* const images = digits.images.view<const std::uint8_t>().data();
    const auto certainty = [&](std::size_t image) {
        return answers.probabilities(static_cast<std::int64_t>(image), answers.predictions[image]);
    };
    std::vector<std::size_t> order(digits.labels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, certainty);

    Cards result;
    for (const std::size_t image : order) {
        const int label = digits.labels[image];
        const int prediction = answers.predictions[image];
        const bool right = label == prediction;
        const std::string said = std::to_string(prediction);
        const std::string truth = right ? "" : "<span class=\"truth\">is " + std::to_string(label) + "</span>";
        (right ? result.right : result.wrong) +=
            "<figure class=\"card" + std::string(right ? "" : " wrong") +
            "\"><div class=\"row\"><img alt=\"a handwritten " + std::to_string(label) + "\" src=\"" +
            picture(images + 64 * image) + "\"><figcaption><b>" + said + "</b>" + truth + "<span class=\"sure\">" +
            fixed(100 * static_cast<double>(certainty(image)), 1) + " %</span></figcaption></div>" +
            class_bars(answers.probabilities.data() + 10 * image, prediction, label) + "</figure>\n";
    }
    return result;
}

} // namespace demo
