#pragma once
/// How far apart in memory a stage reads and writes from one iteration of a loop of the plan to the next.

#include "footprint_regions.hpp"

namespace coulter::schedule::detail {

/// A step of an index, in elements; nothing where it varies.
using IndexStep = std::optional<double>;
/// For each dim of something, how it moves with each dim of a stage; dims that do not move it are left out.
using IndexSteps = std::map<std::string, std::map<std::string, IndexStep>>;

/// What a stage reads, directly or through what is inlined into it.
struct StageRead {
    std::string tensor;
    Type type = Type::f32;
    const ir::Definition* reader = nullptr; ///< whose expression has the access
    const ir::Node* access = nullptr;
    IndexSteps steps; ///< of the tensor's dims
    friend bool operator==(const StageRead& a, const StageRead& b) {
        return a.tensor == b.tensor && a.access == b.access && a.steps == b.steps;
    }
};

struct StageCode {
    std::vector<StageRead> reads;
    double operations = 0; ///< of one evaluation, in simple ones
};

class AddressSteps {
public:
    /// All outlive this.
    AddressSteps(const Plan& plan, const std::map<std::string, std::int64_t>& extents, Regions& regions)
        : plan_(plan), extents_(extents), regions_(regions) {}

    [[nodiscard]] const StageCode& code(const ir::Definition& stage);

    /// Elements between what `stage` reads in one iteration of a loop around it, or of its own, and in the next.
    [[nodiscard]] IndexStep of_read(const ir::Definition& stage, const StageRead& read, const Place& loop);
    /// The same of what it writes.
    [[nodiscard]] IndexStep of_write(const ir::Definition& stage, const Place& loop);

    /// Dims of a tensor in memory, outermost first.
    [[nodiscard]] std::vector<std::string> order(const std::string& tensor) const;

private:
    void collect(const ir::Definition& reader, const IndexSteps& bound, StageCode& code, int& left) const;
    [[nodiscard]] IndexStep along(const std::string& tensor, const std::map<std::string, IndexStep>& dims) const;
    [[nodiscard]] double dim_step(const std::string& stage, const std::string& dim, const Place& loop);

    const Plan& plan_;
    const std::map<std::string, std::int64_t>& extents_;
    Regions& regions_;
    std::map<std::string, StageCode> codes_;
};

} // namespace coulter::schedule::detail
