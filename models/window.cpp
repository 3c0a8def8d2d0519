#include "models/window.hpp"

#include "models/arguments.hpp"

namespace coulter::models {
namespace {

// The texts of kernels are read by people, so there is no `1 * y - 0` in them.
Expr scaled(std::int64_t factor, const Expr& index) {
    return factor == 1 ? index : factor * index;
}
Expr plus(const Expr& index, std::int64_t constant) {
    return constant == 0 ? index : constant > 0 ? index + constant : index - -constant;
}

Expr first_tap(const Axis& axis, const Window& window) {
    return plus(scaled(window.stride, axis.to), -window.padding);
}

} // namespace

Expr window_place(const Axis& axis, const Window& window) {
    return plus(scaled(window.stride, axis.to) + scaled(window.dilation, axis.tap), -window.padding);
}

Expr positions(const Dim& from, const Dim& tap, const Window& window) {
    const Expr reach = scaled(window.dilation, extent(tap) - 1); // from the first tap to the last
    const Expr room = extent(from) - reach;
    if (window.stride == 1) {
        return plus(room, 2 * window.padding);
    }
    return plus(room, 2 * window.padding - 1) / window.stride + 1;
}

Expr windowed(const Arg& image, const std::vector<Sliding>& axes, double outside) {
    std::vector<AccessArg> places;
    bool is_padded = false;
    for (const auto& [axis, window] : axes) {
        places.push_back(axis.from(window_place(axis, window)));
        is_padded = is_padded || window.padding > 0;
    }
    return is_padded ? Expr(padded(image(places), outside)) : image(places);
}

Expr windowed(const Arg& image, const Axis& y, const Axis& x, const Window& window, double outside) {
    return windowed(image, {{y, window}, {x, window}}, outside);
}

void require_windows(const Function& f, const std::vector<Sliding>& axes) {
    for (const auto& [axis, window] : axes) {
        const std::string along = " along `" + axis.from.name() + "`";
        require_at_least(f, window.stride, 1, "the stride" + along);
        require_at_least(f, window.dilation, 1, "the dilation" + along);
        require_at_least(f, window.padding, 0, "the padding" + along);
    }
}

Expr taps_inside(const Axis& axis, const Window& window) {
    if (window.padding == 0) {
        return extent(axis.tap);
    }
    // Taps k with 0 <= first + dilation*k < extent(from).
    const std::int64_t d = window.dilation;
    const Expr first = first_tap(axis, window);
    const Expr before = plus(-first, d - 1);
    const Expr until = plus(extent(axis.from) - first, d - 1);
    return max(0, min(extent(axis.tap), d == 1 ? until : until / d) - max(0, d == 1 ? before : before / d));
}

} // namespace coulter::models
