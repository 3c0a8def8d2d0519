#pragma once
/// The finished state: places, constant extents, memory; and the plan.

#include "check_model.hpp"

#include <array>

namespace coulter::schedule::detail {

/// One loop around a computation.
struct ChainLink {
    std::string stage;
    std::string loop;
    LoopStep::Kind kind = LoopStep::Kind::serial;
    Span marked;
};

/// A read of a stage by one that is not inlined, directly or through inlined ones.
struct Use {
    std::string reader;
    std::set<std::string> identity; ///< dims of the stage that this read binds by name all the way
};

class Finish {
public:
    explicit Finish(Model& model) : model_(model) {}
    [[nodiscard]] std::optional<Plan> run();

private:
    struct Done {
        bool inlined = false;
        bool known = true; ///< false where a mistake leaves the nest or place open
        Place compute;
        std::optional<Place> store;
        Memory memory = Memory::automatic;
        std::vector<ChainLink> prefix; ///< loops around it
        std::map<std::string, std::int64_t> tile;
        std::map<std::string, std::int64_t> extents;
        Nest main;
        Nest init;
    };

    // check_place.cpp
    void uses();
    void place(const std::string& name);
    bool compute(const std::string& name, Stage& stage, Done& done);
    bool place_at(const std::string& name, Stage& stage, Done& done);
    void store(const std::string& name, const Stage& stage, Done& done);
    [[nodiscard]] Place lanes_place(const std::string& name) const;
    [[nodiscard]] std::vector<ChainLink> common(const std::string& name) const;
    [[nodiscard]] std::string legal(const std::string& name) const;
    [[nodiscard]] std::vector<ChainLink> around(const Use& use) const;
    [[nodiscard]] bool placed_inside(const std::string& outer, const std::string& inner) const;
    [[nodiscard]] std::optional<std::int64_t> region(std::string reader, const std::string& dim,
                                                     const Place& place) const;
    void tile(const std::string& name, Done& done);
    [[nodiscard]] std::string loop_of(const std::string& stage, const std::string& loop) const;

    // check_gpu.cpp
    struct Site {
        std::string kernel; ///< the stage whose blocks enclose it; empty: on the host, or blocks of its own
        bool in_threads = false;
        bool in_lanes = false;
        const ChainLink* parallel = nullptr; ///< a parallel loop of the host around it
    };
    [[nodiscard]] Site site(const std::string& name) const;
    void gpu(const std::string& name);
    void kernel_nest(const std::string& name, const std::string& shown, const Nest& nest);
    bool nest_order(const std::string& name, const std::string& shown, const Nest& nest, const Site& where);
    void kernel_sizes();
    [[nodiscard]] const LiveLoop* splits_kernel(const std::string& stage, const std::string& loop) const;

    // check_gpu_memory.cpp
    [[nodiscard]] bool on_device(const std::string& name) const;
    void device_memory(const std::string& name);
    void device_types(const std::string& name);
    void shared_memory();
    void reused_too_early(const std::string& name);
    [[nodiscard]] bool feeds(const std::string& from, const std::string& to) const;
    void coalescing(const std::string& name);

    // check_final.cpp
    void nests(const std::string& name);
    void nest(const std::string& name, const Nest& from, Nest& to, const Done& done);
    void step(const std::string& name, const Nest& before, const LoopStep& step);
    void loops(const std::string& name, const Nest& nest);
    void memory(const std::string& name);
    [[nodiscard]] std::string registers_obstacle(const std::string& name) const;
    void register_readers(const std::string& name);
    [[nodiscard]] std::optional<std::int64_t> bytes(const std::string& name) const;

    // check_finish.cpp
    void inlining();
    [[nodiscard]] StagePlan stage_plan(const std::string& name) const;

    /// Threads of a block in each dimension, innermost first, and where they were asked for.
    struct KernelSize {
        std::array<std::int64_t, 3> threads{1, 1, 1};
        Span span;
    };

    Model& model_;
    std::map<std::string, Done> done_;
    std::map<std::string, std::vector<Use>> uses_;
    std::map<std::string, KernelSize> kernels_; ///< by the nest that has the blocks
};

} // namespace coulter::schedule::detail
