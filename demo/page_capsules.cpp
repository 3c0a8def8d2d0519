// The exhibits of the page: what capsules of an image gave to which class, and how their votes agree with its pose.

#include "page.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace demo {
namespace {

/// A picture in squares: x and y count pixels of the image.
class Panel {
public:
    Panel(const std::string& caption, const std::string& title)
        : svg_("<div><svg viewBox=\"0 0 8 8\" role=\"img\"><title>" + title + "</title>"), caption_(caption) {}

    void image(const std::string& uri, bool faint) {
        svg_ += "<image href=\"" + uri + "\" width=\"8\" height=\"8\"" + (faint ? " class=\"faint\"" : "") + "/>";
    }
    /// \param strength 0 is invisible, 1 opaque.
    void square(double x, double y, double size, const char* kind, double strength) {
        svg_ += "<rect class=\"" + std::string(kind) + "\" x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) +
                "\" width=\"" + fixed(size, 1) + "\" height=\"" + fixed(size, 1) + "\" fill-opacity=\"" +
                fixed(std::clamp(strength, 0.0, 1.0), 2) + "\"/>";
    }
    /// What shows where squares could be.
    void frame() { svg_ += "<rect class=\"frame\" x=\"2\" y=\"2\" width=\"4\" height=\"4\"/>"; }
    [[nodiscard]] std::string html() const { return svg_ + "</svg><span>" + caption_ + "</span></div>"; }

private:
    std::string svg_;
    std::string caption_;
};

/// Of the capsules at one position of an image.
struct Seen {
    double given = 0;  ///< the share of their activations that went to a class
    double agrees = 0; ///< the mean cosine between their votes and its pose, weighted by their activations
};

Seen seen(const CapsuleOutputs& outputs, std::int64_t image, std::int64_t y, std::int64_t x, std::int64_t digit) {
    double active = 0;
    Seen result;
    for (std::int64_t type = 0; type < capsule_types; ++type) {
        double of_type = 0;
        for (std::int64_t other = 0; other < 10; ++other) {
            of_type += static_cast<double>(outputs.assignment(image, y, x, type, other));
        }
        active += of_type;
        result.given += static_cast<double>(outputs.assignment(image, y, x, type, digit));
        result.agrees += of_type * static_cast<double>(outputs.agreement(image, y, x, type, digit));
    }
    if (active > 0) {
        result.given /= active;
        result.agrees /= active;
    }
    return result;
}

template <class Draw>
std::string map(const std::string& uri, const std::string& caption, const std::string& title, const Draw& draw) {
    Panel panel(caption, title);
    panel.image(uri, true);
    panel.frame();
    for (std::int64_t y = 0; y < capsule_positions; ++y) {
        for (std::int64_t x = 0; x < capsule_positions; ++x) {
            draw(panel, y, x);
        }
    }
    return panel.html();
}

/// A square stands in the middle of the 7 x 7 pixels that the capsules of its position see.
std::string given_map(const CapsuleAnswers& answers, std::int64_t image, std::int64_t digit, const std::string& uri,
                      const char* kind) {
    const std::string name = std::to_string(digit);
    return map(uri, "given to " + name, "what the capsules of each position gave to " + name,
               [&](Panel& panel, std::int64_t y, std::int64_t x) {
                   const Seen at = seen(answers.outputs, image, y, x, digit);
                   panel.square(static_cast<double>(x) + 2, static_cast<double>(y) + 2, 1, kind, at.given);
               });
}

std::string agreement_map(const CapsuleAnswers& answers, std::int64_t image, std::int64_t digit,
                          const std::string& uri) {
    const std::string name = std::to_string(digit);
    return map(uri, "agrees with " + name, "how the votes of each position agree with the pose of " + name,
               [&](Panel& panel, std::int64_t y, std::int64_t x) {
                   const double agrees = seen(answers.outputs, image, y, x, digit).agrees;
                   panel.square(static_cast<double>(x) + 2, static_cast<double>(y) + 2, 1,
                                agrees < 0 ? "minus" : "plus", std::abs(agrees));
               });
}

std::string pose_panel(const CapsuleAnswers& answers, std::int64_t image, std::int64_t digit) {
    double largest = 1e-30;
    std::string numbers;
    for (std::int64_t row = 0; row < 4; ++row) {
        for (std::int64_t col = 0; col < 4; ++col) {
            const auto element = static_cast<double>(answers.outputs.pose(image, digit, row, col));
            largest = std::max(largest, std::abs(element));
            numbers += fixed(element, 2) + (col == 3 ? "\n" : "  ");
        }
    }
    Panel panel("pose of " + std::to_string(digit), numbers);
    for (std::int64_t row = 0; row < 4; ++row) {
        for (std::int64_t col = 0; col < 4; ++col) {
            const auto element = static_cast<double>(answers.outputs.pose(image, digit, row, col));
            panel.square(2 * static_cast<double>(col) + 0.1, 2 * static_cast<double>(row) + 0.1, 1.8,
                         element < 0 ? "minus" : "plus", std::abs(element) / largest);
        }
    }
    return panel.html();
}

std::string exhibit(HeldOut& digits, const CapsuleAnswers& answers, std::int64_t image) {
    const auto n = static_cast<std::size_t>(image);
    const std::int32_t label = digits.labels[n];
    const std::int32_t said = answers.predictions[n];
    const float* const activations = answers.outputs.activation.data() + 10 * image;
    std::int32_t second = said == 0 ? 1 : 0;
    for (std::int32_t digit = 0; digit < 10; ++digit) {
        second = digit != said && activations[digit] > activations[second] ? digit : second;
    }
    const std::string uri = picture(digits.images.view<const std::uint8_t>().data() + 64 * image);
    Panel plain("", "a handwritten " + std::to_string(label));
    plain.image(uri, false);

    const bool right = said == label;
    return "<figure class=\"exhibit" + std::string(right ? "" : " wrong") + "\"><div class=\"answer\">" + plain.html() +
           "<figcaption><b>" + std::to_string(said) + "</b>" +
           (right ? "" : "<span class=\"truth\">is " + std::to_string(label) + "</span>") + "<span class=\"sure\">" +
           fixed(static_cast<double>(activations[said]), 3) + "</span></figcaption>" +
           class_bars(activations, said, label) + "</div><div class=\"maps\">" +
           given_map(answers, image, said, uri, right ? "plus" : "minus") +
           given_map(answers, image, second, uri, second == label ? "plus" : "minus") +
           agreement_map(answers, image, said, uri) + pose_panel(answers, image, said) + "</div></figure>\n";
}

} // namespace

std::string exhibits(HeldOut& digits, const CapsuleAnswers& answers) {
    std::string right;
    std::string wrong;
    std::array<bool, 10> shown{};
    for (std::int64_t image = 0; image < digits.count(); ++image) {
        const auto n = static_cast<std::size_t>(image);
        if (answers.predictions[n] != digits.labels[n]) {
            wrong += exhibit(digits, answers, image);
        }
    }
    for (std::int32_t digit = 0; digit < 10; ++digit) {
        for (std::int64_t image = 0; image < digits.count() && !shown[static_cast<std::size_t>(digit)]; ++image) {
            const auto n = static_cast<std::size_t>(image);
            if (digits.labels[n] == digit && answers.predictions[n] == digit) {
                right += exhibit(digits, answers, image);
                shown[static_cast<std::size_t>(digit)] = true;
            }
        }
    }
    return right + wrong;
}

} // namespace demo
