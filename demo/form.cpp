#include "form.hpp"

#include <stdexcept>

namespace demo {
namespace {

class LinkedForm : public Form {
public:
    explicit LinkedForm(int threads) { context_.set_threads(threads); }

    Case make(std::size_t number, const Subjects& subjects) const override {
        switch (number) {
        case 0: return digits_cnn_case(subjects.network, subjects.digits);
        case 1: return digits_capsules_case(subjects.capsule_network, subjects.digits, subjects.capsules);
        case 2: return conv_capsules_case();
        case 3: return matmul_case();
        case 4: return conv2d_case();
        case 5: return softmax_case();
        case 6: return layer_norm_case();
        case 7: return max_pool2d_case();
        case 8: return max_pool2d_padded_case();
        case 9: return avg_pool2d_case();
        case 10: return avg_pool2d_padded_case();
        default: throw std::out_of_range("there is no such case");
        }
    }

    coulter::Context& context() override { return context_; }
    void forget() override { context_.forget(); }

private:
    coulter::Context context_;
};

} // namespace

std::unique_ptr<Form> linked_form(int threads) {
    return std::make_unique<LinkedForm>(threads);
}

} // namespace demo
