// The networks for digits, all held-out images in one call.

#include "cases.hpp"
#include "reference.hpp"

#include <digits_capsules/digits_capsules.h>
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

Case digits_capsules_case(CapsuleNetwork& network, HeldOut& digits, CapsuleAnswers& answers) {
    const std::int64_t count = digits.count();
    const auto d = std::make_shared<CapsuleOutputs>(count);
    const auto images = digits.images.view<const std::uint8_t>();
    const auto compare = [d, &answers] {
        Deviation activations;
        Deviation poses;
        const float* const wanted_activations = answers.expected_activations.view<const float>().data();
        const float* const wanted_poses = answers.expected_poses.view<const float>().data();
        for (std::int64_t i = 0; i < d->activation.size(); ++i) {
            activations.add(d->activation.data()[i], wanted_activations[i]);
        }
        for (std::int64_t i = 0; i < d->pose.size(); ++i) {
            poses.add(d->pose.data()[i], wanted_poses[i]);
        }
        // Three rounds of exponentials and quotients in each of two layers multiply roundings.
        return Comparison{std::max(activations.relative(), poses.relative()),
                          "all " + grouped(activations.count() + poses.count()) + " outputs, PyTorch in f64", 1e-4};
    };
    return {grouped(count) + " images of 8 x 8, EM routing in two layers", digits_capsules_info(),
            bytes_of(images, d->activation, d->pose, d->assignment, d->agreement) + network.parameter_bytes(),
            [d, images, &network](coulter::Context& context) { network.look(context, images, *d); }, compare};
}

} // namespace demo
