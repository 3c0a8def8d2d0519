#include "models/windows.hpp"

#include "models/arguments.hpp"

#include <numeric>

namespace coulter::models {
namespace {

std::vector<Dim> taps_and(const std::vector<Sliding>& axes, const std::vector<Dim>& more) {
    std::vector<Dim> dims;
    for (const Sliding& each : axes) {
        dims.push_back(each.axis.tap);
    }
    dims.insert(dims.end(), more.begin(), more.end());
    return dims;
}

/// What all products under windows ask for.
void require_product(const Function& f, const Arg& image, const Arg& weight, const std::vector<Sliding>& axes,
                     const std::vector<Dim>& in) {
    f.require(!axes.empty(), "no axes, where 1 or more are needed");
    require_windows(f, axes);
    for (const Sliding& each : axes) {
        require_dim(f, image, "the image", each.axis.from);
        require_dim(f, weight, "the weight", each.axis.tap);
    }
    for (const Dim& dim : in) {
        require_dim(f, image, "the image", dim);
        require_dim(f, weight, "the weight", dim);
    }
}

/// The least positive x with `factor * x = 1` modulo `modulus`. \pre they have no common divisor.
std::int64_t inverse(std::int64_t factor, std::int64_t modulus) {
    for (std::int64_t x = 1; x < modulus; ++x) {
        if (factor % modulus * x % modulus == 1) {
            return x;
        }
    }
    return modulus == 1 ? 0 : 1;
}

} // namespace

Tensor convolution(const Arg& image, const Arg& weight, const std::vector<Sliding>& axes, const std::vector<Dim>& in) {
    Function f("convolution", {image, weight});
    require_product(f, image, weight, axes, in);
    return sum(taps_and(axes, in), windowed(image, axes, 0) * weight);
}

Tensor locally_connected(const Arg& image, const Arg& weight, const std::vector<Sliding>& axes,
                         const std::vector<Dim>& in) {
    Function f("locally_connected", {image, weight});
    require_product(f, image, weight, axes, in);
    for (const Sliding& each : axes) {
        require_dim(f, weight, "the weight", each.axis.to);
    }
    return sum(taps_and(axes, in), windowed(image, axes, 0) * weight);
}

Tensor involution(const Arg& image, const Arg& weight, const std::vector<Sliding>& axes) {
    Function f("involution", {image, weight});
    require_product(f, image, weight, axes, {});
    for (const Sliding& each : axes) {
        require_dim(f, weight, "the weight", each.axis.to);
    }
    return sum(taps_and(axes, {}), windowed(image, axes, 0) * weight);
}

Tensor correlation(const Arg& a, const Arg& b, const std::vector<Sliding>& axes, const std::vector<Dim>& channel) {
    Function f("correlation", {a, b});
    f.require(!axes.empty(), "no axes, where 1 or more are needed");
    require_windows(f, axes);
    for (const Sliding& each : axes) {
        require_dim(f, a, "the first image", each.axis.to);
        require_dim(f, b, "the second image", each.axis.from);
    }
    for (const Dim& dim : channel) {
        require_dim(f, a, "the first image", dim);
        require_dim(f, b, "the second image", dim);
    }
    // What is beyond the image is decided once per displacement, not for each channel.
    std::vector<AccessArg> places;
    std::optional<Expr> inside;
    for (const auto& [axis, window] : axes) {
        const Expr place = window_place(axis, window);
        places.push_back(axis.from(place));
        const Expr here = place >= 0 && place < extent(axis.from);
        inside = inside ? *inside && here : here;
    }
    Tensor products("products");
    products = sum(channel, a * clamped(b(places)));
    return select(*inside, products, cast(a.type().value_or(f32), 0.0));
}

// Place p of the result, shifted to q = p + padding, sees the pairs of place i and tap k with stride*i + dilation*k =
// q. With g the greatest common divisor of stride and dilation, q must be a multiple of g, and then k is a number below
// s = stride / g plus any multiple j of s: k = first_tap + s*j, i = first_place - dilation/g*j.
Expr most_sources(const Dim& tap, const Window& window) {
    const std::int64_t step = window.stride / std::gcd(window.stride, window.dilation);
    return step == 1 ? extent(tap) : (extent(tap) + (step - 1)) / step;
}

Expr spread_positions(const Dim& from, const Dim& tap, const Window& window, std::int64_t more) {
    return (extent(from) - 1) * window.stride + (extent(tap) - 1) * window.dilation + (1 - 2 * window.padding + more);
}

Tensor transposed_convolution(const Arg& image, const Arg& weight, const std::vector<Spreading>& axes,
                              const std::vector<Dim>& in) {
    Function f("transposed_convolution", {image, weight});
    std::vector<Sliding> plain;
    for (const Spreading& each : axes) {
        plain.push_back({each.axis, each.window});
    }
    require_product(f, image, weight, plain, in);
    std::vector<Dim> reduced;
    std::vector<AccessArg> places, taps;
    std::optional<Expr> exists;
    const auto only = [&](const Expr& condition) { exists = exists ? *exists && condition : condition; };
    for (const auto& [axis, window, candidate] : axes) {
        const auto [stride, padding, dilation] = window;
        const Expr shifted = padding == 0 ? Expr(axis.to) : axis.to + padding;
        if (stride == 1) {
            const Expr place = shifted - (dilation == 1 ? Expr(axis.tap) : dilation * axis.tap);
            reduced.push_back(axis.tap);
            places.push_back(axis.from(place));
            only(place >= 0 && place < extent(axis.from));
            continue;
        }
        const std::int64_t divisor = std::gcd(stride, dilation), step = stride / divisor;
        Expr first_tap = 0, first_place = shifted / stride;
        if (step > 1) {
            const std::int64_t factor = inverse(dilation / divisor, step);
            const Expr residue = divisor == 1 ? shifted : shifted / divisor;
            first_tap = (factor == 1 ? residue : residue * factor) % step;
            first_place = dilation == 1 ? shifted / stride : (shifted - dilation * first_tap) / stride;
        }
        const Expr tap = step == 1 ? Expr(candidate) : first_tap + step * candidate;
        const Expr place = first_place - (dilation == divisor ? Expr(candidate) : dilation / divisor * candidate);
        reduced.push_back(candidate);
        places.push_back(axis.from(place));
        taps.push_back(axis.tap(tap));
        only(tap < extent(axis.tap) && place >= 0 && place < extent(axis.from));
        if (divisor > 1) {
            only(shifted % divisor == 0);
        }
    }
    reduced.insert(reduced.end(), in.begin(), in.end());
    const Expr weights = taps.empty() ? Expr(weight) : Expr(clamped(weight(taps)));
    return sum(reduced, clamped(image(places)) * weights, where(*exists));
}

} // namespace coulter::models
