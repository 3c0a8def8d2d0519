// The network for digits, all held-out images in one call.

#include "cases.hpp"
#include "reference.hpp"

#include <models/digits_cnn.h>

#include <memory>

namespace demo {

Case digits_cnn_case(Network& network, HeldOut& digits) {
    const std::int64_t count = digits.count();
    struct Data {
        coulter::Tensor<float> logits, probabilities;
    };
    const auto d = std::make_shared<Data>(Data{coulter::Tensor<float>{count, 10}, coulter::Tensor<float>{count, 10}});
    const auto images = digits.images.view<const std::uint8_t>();
    const auto compare = [d, &digits] {
        Deviation logits;
        Deviation probabilities;
        const float* const wanted_logits = digits.expected_logits.view<const float>().data();
        const float* const wanted = digits.expected_probabilities.view<const float>().data();
        for (std::int64_t i = 0; i < d->logits.size(); ++i) {
            logits.add(d->logits.data()[i], wanted_logits[i]);
            probabilities.add(d->probabilities.data()[i], wanted[i]);
        }
        return Comparison{std::max(logits.relative(), probabilities.relative()),
                          "all " + grouped(logits.count() + probabilities.count()) + " outputs, PyTorch in f64"};
    };
    return {grouped(count) + " images of 8 x 8, nine layers", digits_cnn_info(),
            bytes_of(images, d->logits, d->probabilities) + network.parameter_bytes(),
            [d, images, &network](coulter::Context& context) {
                network.classify(context, images, d->logits, d->probabilities);
            },
            compare};
}

} // namespace demo
