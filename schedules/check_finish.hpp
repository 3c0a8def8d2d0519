#pragma once
/// The finished state: places, constant extents, memory; and the plan.

#include "check_model.hpp"

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

    Model& model_;
    std::map<std::string, Done> done_;
    std::map<std::string, std::vector<Use>> uses_;
};

} // namespace coulter::schedule::detail
