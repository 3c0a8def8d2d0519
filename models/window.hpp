#pragma once
/// Windows that move over an image: what convolutions and poolings have in common.

#include <coulter/coulter.h>

namespace coulter::models {

/// How a window moves: tap `k` of position `p` reads the image at `stride * p + dilation * k - padding`.
struct Window {
    std::int64_t stride = 1;
    std::int64_t padding = 0; ///< on each side; 0: the window never leaves the image, so positions need no extent
    std::int64_t dilation = 1;
};

/// One axis of a window: positions `to` over the image's dim `from`, with the taps `tap`. `from` and `to` may be one
/// dim.
struct Axis {
    Dim from;
    Dim to;
    Dim tap;
};

/// An axis and how the window moves along it.
struct Sliding {
    Axis axis;
    Window window;
};

/// \throws LanguageError [L060] for a stride or a dilation below 1 and a padding below 0.
void require_windows(const Function& f, const std::vector<Sliding>& axes);

/// The number of positions of a window along `from`, rounded down:
/// `(extent(from) + 2 * padding - dilation * (extent(tap) - 1) - 1) / stride + 1`.
[[nodiscard]] Expr positions(const Dim& from, const Dim& tap, const Window& window);

/// Where tap `tap` of position `to` reads: `stride * to + dilation * tap - padding`, which may lie beyond the image.
[[nodiscard]] Expr window_place(const Axis& axis, const Window& window);

/// The element of `image` at each position and tap of a window over two axes; `outside` beyond the image.
/// `image` is a tensor, its other dims bind themselves.
[[nodiscard]] Expr windowed(const Arg& image, const Axis& y, const Axis& x, const Window& window, double outside);

/// The same over any number of axes, each with a window of its own.
[[nodiscard]] Expr windowed(const Arg& image, const std::vector<Sliding>& axes, double outside);

/// How many taps of a window along one axis lie inside the image, as an index over `axis.to`.
[[nodiscard]] Expr taps_inside(const Axis& axis, const Window& window);

} // namespace coulter::models
