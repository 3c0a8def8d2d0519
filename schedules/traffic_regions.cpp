#include "traffic_regions.hpp"

#include <algorithm>

namespace coulter::schedule::detail {
namespace {

double element_bytes(const ir::Definition& stage) {
    double total = 0;
    for (const Type type : stage.types) {
        total += bytes(type);
    }
    return total;
}

double elements(const std::vector<Range>& box) {
    double count = 1;
    for (const Range& range : box) {
        count *= static_cast<double>(std::max<std::int64_t>(range.width(), 0));
    }
    return count;
}

/// The box around both, where they move together.
bool joined(std::vector<Range>& box, const std::vector<Range>& other) {
    for (std::size_t i = 0; i < box.size(); ++i) {
        if (box[i].base != other[i].base) {
            return false;
        }
    }
    for (std::size_t i = 0; i < box.size(); ++i) {
        box[i].low = std::min(box[i].low, other[i].low);
        box[i].high = std::max(box[i].high, other[i].high);
    }
    return true;
}

} // namespace

void add_stored(const LoopNode& node, std::set<std::string>& stages) {
    stages.insert(node.stored.begin(), node.stored.end());
    for (const auto& loop : node.loops) {
        add_stored(*loop, stages);
    }
}

LoopTree::LoopTree(const Plan& plan, const std::map<std::string, std::int64_t>& extents,
                   const std::vector<Footprint>& stored)
    : plan_(plan), extents_(extents), regions_(plan, extents) {
    for (const Footprint& one : stored) {
        stored_.emplace(one.stage, static_cast<double>(one.bytes));
    }
    for (const Pack& pack : plan.packs) {
        if (pack.once) {
            packed_.insert(pack.stage); // made before the call
        }
    }
    place_stages(root_);
}

/// What is computed and stored in one iteration of `node`, producers first.
void LoopTree::place_stages(LoopNode& node) {
    const auto here = [&](const Place& place) {
        return place.stage == node.place.stage && place.loop == node.place.loop;
    };
    for (const StagePlan& stage : plan_.stages) {
        if (stage.inlined || packed_.contains(stage.name)) {
            continue;
        }
        if (here(stage.store.value_or(stage.compute)) && !plan_.kernel.is_output(stage.name)) {
            node.stored.insert(stage.name);
        }
        if (here(stage.compute)) {
            const ir::Definition& definition = *plan_.kernel.find_definition(stage.name);
            if (stage.init) {
                add_nest(node, definition, true, 0);
            }
            add_nest(node, definition, false, 0);
        }
    }
}

void LoopTree::add_nest(LoopNode& node, const ir::Definition& stage, bool init, std::size_t at) {
    const Nest& nest = regions_.nest(stage.name, init);
    if (at == nest.loops().size()) {
        node.assignments.push_back({&stage, init});
        return;
    }
    const LiveLoop& loop = nest.loops()[at];
    auto inner = std::make_unique<LoopNode>();
    inner->place = {init ? stage.name + ".init" : stage.name, loop.name};
    inner->trips = static_cast<double>(std::max<std::int64_t>(loop.extent.value_or(1), 0));
    inner->kind = loop.kind;
    place_stages(*inner);
    add_nest(*inner, stage, init, at + 1);
    node.loops.push_back(std::move(inner));
}

Touches LoopTree::touched(const LoopNode& whole, const LoopNode& part, const LoopNode* inside) {
    Found found;
    collect(whole, part, &whole == &part ? 1 : part.trips, found);
    if (inside != nullptr) {
        std::set<std::string> dies;
        add_stored(*inside, dies);
        for (const std::string& stage : dies) {
            found.touches.erase(stage);
            found.boxes.erase(stage);
        }
    }
    return finish(std::move(found));
}

Touches LoopTree::touched_by_assignments(const LoopNode& whole) {
    Found found;
    for (const Assignment& assignment : whole.assignments) {
        collect(whole, assignment, 1, found);
    }
    return finish(std::move(found));
}

double LoopTree::footprint(const LoopNode& node) {
    const auto [at, is_new] = footprints_.emplace(&node, 0);
    if (is_new) {
        for (const auto& [tensor, touch] : touched(node, node, nullptr)) {
            at->second += touch.bytes;
        }
    }
    return at->second;
}

void LoopTree::collect(const LoopNode& whole, const LoopNode& part, double runs, Found& found) {
    for (const Assignment& assignment : part.assignments) {
        collect(whole, assignment, runs, found);
    }
    for (const auto& loop : part.loops) {
        collect(whole, *loop, runs * loop->trips, found);
    }
}

void LoopTree::collect(const LoopNode& whole, const Assignment& assignment, double runs, Found& found) {
    const ir::Definition& stage = *assignment.stage;
    Touch& own = found.touches[stage.name];
    own.written = true;
    const bool first = assignment.init || !has_init(stage);
    own.made = own.made || first;
    own.read = own.read || !first;
    const StageRanges& ranges = regions_.inside(whole.place);
    const auto mine = ranges.find(stage.name);
    Box box;
    for (const std::string& dim : stage.dims) {
        Range range;
        range.high = extents_.at(dim) - 1;
        box.push_back(mine == ranges.end() ? range : mine->second.at(dim));
    }
    add_box(stage.name, std::move(box), runs, element_bytes(stage), found);
    if (assignment.init) {
        return;
    }
    // The accesses of the stage, and of those that are inlined into it.
    std::vector<const ir::Definition*> readers{&stage};
    for (std::size_t i = 0; i < readers.size(); ++i) {
        for (const ir::Node* node : ir::postorder(ir::roots(*readers[i]))) {
            if (node->kind != ir::Kind::access || node->name == stage.name) {
                continue;
            }
            const ir::Definition* const made = plan_.kernel.find_definition(node->name);
            if (made != nullptr && regions_.plan_of(made->name).inlined) {
                if (std::ranges::find(readers, made) == readers.end()) {
                    readers.push_back(made);
                }
            } else {
                add_access(whole, *readers[i], *node, runs, found);
            }
        }
    }
}

void LoopTree::add_access(const LoopNode& whole, const ir::Definition& reader, const ir::Node& access, double runs,
                          Found& found) {
    const StageRanges& ranges = regions_.inside(whole.place);
    const auto mine = ranges.find(reader.name);
    Box box;
    for (const std::string& dim : plan_.kernel.dims_of(access.name)) {
        Range range;
        range.high = extents_.at(dim) - 1;
        box.push_back(mine == ranges.end() ? range : regions_.accessed(access, dim, mine->second));
    }
    found.touches[access.name].read = true;
    add_box(access.name, std::move(box), runs, bytes(access.type), found);
}

void LoopTree::add_box(const std::string& tensor, Box box, double runs, double bytes, Found& found) const {
    Boxes& boxes = found.boxes[tensor];
    boxes.most += runs;
    boxes.bytes = std::max(boxes.bytes, bytes);
    for (Box& other : boxes.all) {
        if (joined(other, box)) {
            return;
        }
    }
    boxes.all.push_back(std::move(box));
}

Touches LoopTree::finish(Found found) const {
    for (const auto& [tensor, boxes] : found.boxes) {
        double whole = 1;
        for (const std::string& dim : plan_.kernel.dims_of(tensor)) {
            whole *= static_cast<double>(extents_.at(dim));
        }
        double count = 0;
        for (const Box& box : boxes.all) {
            count += elements(box);
        }
        double& bytes = found.touches.at(tensor).bytes;
        bytes = std::min({count, whole, boxes.most}) * boxes.bytes;
        if (const auto stored = stored_.find(tensor); stored != stored_.end()) {
            bytes = std::min(bytes, stored->second);
        }
    }
    return std::move(found.touches);
}

} // namespace coulter::schedule::detail
