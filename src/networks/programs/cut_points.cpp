#include "networks/programs/cut_points.hpp"

#include <algorithm>
#include <set>

namespace comq {

namespace {

struct CutPoint {
    std::size_t after;  ///< this node
    ValueId value;
};

class CutSearch {
  public:
    CutSearch(const ProgramGraph& graph, const CutWishes& wishes)
        : graph_(graph),
          wishes_(wishes),
          of_images_(values_of_images(graph)),
          last_use_(graph.values.size(), 0),
          last_write_(graph.values.size(), 0) {
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            // How many images there are, any cut point tells.
            if (!graph.nodes[i].asks_for_batch) {
                graph.nodes[i].each_input([&](ValueId value) { last_use_[index(value)] = i; });
            }
            for (const ValueId memory : graph.nodes[i].mutated) last_write_[index(memory)] = i;
        }
        last_use_[index(graph.logits)] = graph.nodes.size();
    }

    std::vector<CutPoint> run() const {
        std::vector<CutPoint> cuts;
        std::set<ValueId> live{graph_.images};
        std::optional<CutPoint> latest;
        bool has_layer = false;
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (wishes_.starts[i] && latest) {
                cuts.push_back(*latest);
                latest.reset();
                has_layer = false;
            }
            if (wishes_.layer[i]) {
                has_layer = true;
                latest.reset();
            }
            pass(i, live);
            if (has_layer && can_cut(i, live)) latest = CutPoint{i, *live.begin()};
        }
        return cuts;
    }

  private:
    static std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }

    /** Makes `live` what is alive behind node `i`. */
    void pass(std::size_t i, std::set<ValueId>& live) const {
        graph_.nodes[i].each_output([&](ValueId value) {
            if (of_images_[index(value)] && last_use_[index(value)] > i) live.insert(value);
        });
        std::erase_if(live, [&](ValueId value) { return last_use_[index(value)] <= i; });
    }

    bool can_cut(std::size_t i, const std::set<ValueId>& live) const {
        if (live.size() != 1) return false;
        const ValueId value = *live.begin();
        const Value& known = graph_.values[index(value)];
        return known.tensor && graph_.counts_images(value) &&
               last_write_[index(known.memory)] <= i &&
               std::ranges::none_of(wishes_.together, [&](const auto& range) {
                   return range.first <= i && i < range.second;
               });
    }

    const ProgramGraph& graph_;
    const CutWishes& wishes_;
    std::vector<bool> of_images_;
    std::vector<std::size_t> last_use_;
    std::vector<std::size_t> last_write_;  ///< to the memory of a value
};

/** Fills in the steps that make `stretch.output` of `stretch.input`; it starts at node `begin`. */
void find_steps(const ProgramGraph& graph, const std::vector<bool>& of_images, std::size_t begin,
                Stretch& stretch) {
    std::set<ValueId> needed{stretch.output};
    std::set<ValueId> memory;
    const auto need = [&](ValueId value) {
        needed.insert(value);
        memory.insert(graph.values[static_cast<std::size_t>(value)].memory);
    };
    need(stretch.output);
    std::set<ValueId> alive{stretch.output};
    for (std::size_t i = stretch.end; i-- > 0;) {
        const Node& node = graph.nodes[i];
        bool runs = std::ranges::any_of(node.mutated,
                                        [&](ValueId value) { return memory.contains(value); });
        bool of_image = false;
        node.each_output([&](ValueId value) {
            runs = runs || (value != stretch.input && needed.contains(value));
            of_image = of_image || of_images[static_cast<std::size_t>(value)];
        });
        if (!runs || (of_image && i < begin)) continue;
        Step step{i, {}};
        const auto last_time = [&](ValueId value) {
            if (alive.insert(value).second) step.freed.push_back(value);
        };
        node.each_output(last_time);
        node.each_input([&](ValueId value) {
            need(value);
            last_time(value);
        });
        stretch.steps.push_back(std::move(step));
    }
    std::ranges::reverse(stretch.steps);
}

}  // namespace

std::vector<bool> values_of_images(const ProgramGraph& graph) {
    std::vector<bool> of_images(graph.values.size(), false);
    const auto at = [&](ValueId value) { return of_images[static_cast<std::size_t>(value)]; };
    of_images[static_cast<std::size_t>(graph.images)] = true;
    for (const Node& node : graph.nodes) {
        bool depends = false;
        node.each_input([&](ValueId value) { depends = depends || at(value); });
        if (!depends || node.asks_for_batch) continue;
        node.each_output([&](ValueId value) { of_images[static_cast<std::size_t>(value)] = true; });
        for (const ValueId memory : node.mutated) {
            of_images[static_cast<std::size_t>(memory)] = true;
        }
    }
    return of_images;
}

std::vector<Stretch> cut_into_stretches(const ProgramGraph& graph, const CutWishes& wishes) {
    auto cuts = CutSearch(graph, wishes).run();
    cuts.push_back({graph.nodes.size() - 1, graph.logits});
    const auto of_images = values_of_images(graph);
    std::vector<Stretch> stretches;
    ValueId input = graph.images;
    std::size_t begin = 0;
    for (const CutPoint& cut : cuts) {
        stretches.push_back({input, cut.value, {}, cut.after + 1});
        find_steps(graph, of_images, begin, stretches.back());
        input = cut.value;
        begin = cut.after + 1;
    }
    return stretches;
}

}  // namespace comq
