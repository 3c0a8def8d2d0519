#include "models/distances.hpp"

#include "models/arguments.hpp"

namespace coulter::models {
namespace {

void require_points(const Function& f, const Arg& x, const Arg& y, const Dim& channel) {
    require_dim(f, x, "the first set of points", channel);
    require_dim(f, y, "the second set of points", channel);
}

} // namespace

Tensor pairwise_l1(const Arg& x, const Arg& y, const Dim& channel) {
    Function f("pairwise_l1", {x, y});
    require_points(f, x, y, channel);
    return sum({channel}, abs(x - y));
}

Tensor pairwise_l2(const Arg& x, const Arg& y, const Dim& channel) {
    Function f("pairwise_l2", {x, y});
    require_points(f, x, y, channel);
    Tensor squares("squares");
    squares = sum({channel}, (x - y) * (x - y));
    return sqrt(squares);
}

Tensor pairwise_cosine(const Arg& x, const Arg& y, const Dim& channel, double epsilon) {
    Function f("pairwise_cosine", {x, y});
    require_points(f, x, y, channel);
    Tensor products("products"), x_squares("x_squares"), y_squares("y_squares"), x_scale("x_scale"), y_scale("y_scale");
    products = sum({channel}, x * y);
    x_squares = sum({channel}, x * x);
    y_squares = sum({channel}, y * y);
    x_scale = 1 / max(sqrt(x_squares), epsilon);
    y_scale = 1 / max(sqrt(y_squares), epsilon);
    return 1 - products * x_scale * y_scale;
}

Tensor laplacian_sum(const Arg& x, const Arg& y, const Arg& b, const Dim& points, const Dim& channel, double gamma) {
    Function f("laplacian_sum", {x, y, b});
    require_points(f, x, y, channel);
    require_dim(f, y, "the second set of points", points);
    require_dim(f, b, "the coefficients", points);
    Tensor distance("distance");
    distance = pairwise_l1(x, y, channel);
    return sum({points}, exp(distance * -gamma) * b);
}

namespace {

struct Points {
    Dim i{"i"}, j{"j"}, channel{"channel"};
    Input x{"x", f32, {i, channel}}, y{"y", f32, {j, channel}};
    Tensor result{"result"};

    [[nodiscard]] Kernel kernel(const std::string& name) const {
        return Kernel(name, {result}, estimates({{i, 4096}, {j, 4096}, {channel, 16}}));
    }
};

Kernel matrix(const std::string& name, const std::function<Tensor(const Points&)>& distance) {
    Points points;
    points.result(points.i, points.j) = distance(points);
    return points.kernel(name);
}

} // namespace

Kernel pairwise_l1() {
    return matrix("pairwise_l1", [](const Points& p) { return pairwise_l1(p.x, p.y, p.channel); });
}
Kernel pairwise_l2() {
    return matrix("pairwise_l2", [](const Points& p) { return pairwise_l2(p.x, p.y, p.channel); });
}
Kernel pairwise_cosine() {
    return matrix("pairwise_cosine", [](const Points& p) { return pairwise_cosine(p.x, p.y, p.channel); });
}
Kernel laplacian_sum() {
    Points points;
    Input b("b", f32, {points.j});
    points.result(points.i) = laplacian_sum(points.x, points.y, b, points.j, points.channel, 0.5);
    return points.kernel("laplacian_sum");
}

} // namespace coulter::models
