#include "measure.hpp"

#include "reference.hpp"
#include "roof.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace demo {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

double quantile(std::vector<double> values, double q) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size()));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

double median(const std::vector<double>& values) {
    return quantile(values, 0.5);
}

/// One form of the kernel, being timed.
class Trial {
public:
    Trial(Form& form, Case subject) : form_(form), subject_(std::move(subject)) {
        const coulter_build_info& build = *subject_.info->build;
        if (build.bytes != subject_.bytes) {
            throw std::runtime_error(std::string(subject_.info->name) + " has tensors of " + grouped(subject_.bytes) +
                                     " bytes, and its operations were counted for " + grouped(build.bytes));
        }
    }

    void warm_up() {
        subject_.call(form_.context()); // packs weights, takes scratch memory
        const auto first = Clock::now();
        subject_.call(form_.context());
        // Short kernels run several times, so that the clock is fine enough and caches are warm after the roofs.
        calls_ = static_cast<int>(std::clamp(0.002 / std::max(since(first), 1e-7), 1.0, 1000.0));
    }

    void time() {
        subject_.call(form_.context());
        const auto start = Clock::now();
        for (int call = 0; call < calls_; ++call) {
            subject_.call(form_.context());
        }
        times_.push_back(since(start) / calls_);
    }

    [[nodiscard]] const Case& subject() const { return subject_; }
    [[nodiscard]] double median_seconds() const { return median(times_); }

private:
    Form& form_;
    Case subject_;
    int calls_ = 1;
    std::vector<double> times_;
};

} // namespace

Measurement measure(const std::vector<std::unique_ptr<Form>>& forms, std::size_t number, const Subjects& subjects,
                    int threads, double seconds) {
    std::vector<Trial> trials;
    for (const std::unique_ptr<Form>& form : forms) {
        trials.emplace_back(*form, form->make(number, subjects));
    }
    const Case& subject = trials.front().subject();
    for (std::size_t i = 1; i < trials.size(); ++i) {
        if (trials[i].subject().info == subject.info) {
            throw std::runtime_error("two forms call one library");
        }
    }
    Roof roof(threads, subject.bytes);
    for (Trial& trial : trials) {
        trial.warm_up();
    }
    std::vector<double> flops;
    std::vector<double> bytes;
    const auto begin = Clock::now();
    while (flops.size() < 7 || since(begin) < seconds * static_cast<double>(forms.size())) {
        flops.push_back(roof.flops());
        bytes.push_back(roof.bytes());
        for (Trial& trial : trials) {
            trial.time();
        }
    }
    const coulter_build_info& build = *subject.info->build;
    Measurement result;
    result.name = subject.info->name;
    result.sizes = subject.sizes;
    for (const Trial& trial : trials) {
        const double each = trial.median_seconds();
        result.forms.push_back(
            {each, static_cast<double>(build.flops) / each, static_cast<double>(build.bytes) / each});
        const Comparison comparison = trial.subject().compare();
        // Written so that NaN is the worst.
        if (result.forms.size() == 1 || !(comparison.error <= result.comparison.error)) {
            result.comparison = comparison;
        }
    }
    result.flops_roof = median(flops);
    result.bytes_roof = median(bytes);
    result.spread = (quantile(flops, 0.75) - quantile(flops, 0.25)) / result.flops_roof;
    return result;
}

} // namespace demo
