#pragma once
/// The ways to share out the loops of one launch.

#include "default_gpu_shared.hpp"
#include "default_gpu_uses.hpp"

#include <limits>

namespace coulter::schedule {

/// Where a stage is computed.
enum class DevicePlace : std::uint8_t {
    given,   ///< as the schedule at hand says
    inlined, ///< where it is read
    host,    ///< by the processor
    launch,  ///< by a launch of its own
    thread,  ///< by the thread of a launch that reads it
    step,    ///< the same, anew in each step of the loops that a thread has
    block,   ///< by a block of a launch, for all its threads
    ordered  ///< by a launch of its own, each thread of which goes through some dims in their order
};

/// One way to share out the loops of a launch.
struct Form {
    std::string word;  ///< as a search calls it: `element`, `thread row`, `block row`
    bool rows = false; ///< each block has an element of `spread`; else each thread
    std::vector<std::string> spread;
    std::vector<std::string> inner; ///< the other dims of the launch's stage
    std::string first;
    bool first_decided = false;
    ThreadTile tile;
    std::map<std::string, DevicePlace> members;
    std::set<std::string> apart; ///< that have a place here, and were decided to be launches of their own
    int unmet = 0;               ///< stages that were decided to be inside, and have no place here
    double cost = std::numeric_limits<double>::infinity();
};

/// Stages that a launch could have inside, readers first.
using Family = std::vector<const ir::Definition*>;

class LaunchForms {
public:
    explicit LaunchForms(const Analysis& analysis);

    /// Those that can be done, each with its cost: an estimate of all transactions with memory, the launches included
    /// that it leaves for others. The first one gives each thread an element or a tile.
    ///
    /// Decided may be `first of STAGE`, the dim of neighbouring threads; `place of MEMBER`, the launch that has it
    /// inside or `root`; and tiles, see default_gpu_tile.hpp.
    [[nodiscard]] std::vector<Form> all(const ir::Definition& stage, const Family& family) const;

    /// Whether what a thread has of the inner dims is a few values.
    [[nodiscard]] bool unrolls_inner(const Form& form) const;

private:
    template <class Place>
    void fill(Form& form, const ir::Definition& stage, const Family& family, const Place& place) const;
    [[nodiscard]] bool is_read_at(const Form& form, const ir::Definition& stage, const std::string& launch,
                                  DevicePlace place, DevicePlace of_launch) const;
    [[nodiscard]] std::optional<double> kept_values(const Form& form, const ir::Definition& stage) const;
    [[nodiscard]] bool fits_thread(const Form& form, const ir::Definition& stage) const;
    [[nodiscard]] Form tiles(const ir::Definition& stage, const Family& family) const;
    [[nodiscard]] Form threads(const ir::Definition& stage, const Family& family,
                               const std::vector<std::string>& rows) const;
    [[nodiscard]] Form blocks(const ir::Definition& stage, const Family& family,
                              const std::vector<std::string>& rows) const;
    void finish_threads(Form& form, const ir::Definition& stage, const Family& family) const;
    [[nodiscard]] std::optional<std::string> decided_first(const ir::Definition& stage,
                                                           const std::vector<std::string>& words) const;
    [[nodiscard]] int unmet(const Form& form, const ir::Definition& stage, const Family& family) const;
    [[nodiscard]] double left_over(const Form& form, const Family& family) const;
    [[nodiscard]] double work(const ir::Definition& stage) const;
    [[nodiscard]] const ir::Definition& definition(const std::string& name) const;

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const DeviceModel& device_;
    NamedUses uses_;
    SharedReductions shared_;
};

} // namespace coulter::schedule
