#include "networks/programs/kept_layers.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "networks/programs/product.hpp"

namespace comq {

namespace {

class KeptLayers {
  public:
    explicit KeptLayers(const GraphFacts& facts) : facts_(facts), graph_(facts.graph()) {}

    /** Those nearest to the logits; of two along a shortcut, the later. */
    std::set<std::size_t> last() const {
        const auto nearest = before({graph_.logits}, true);
        std::vector<ValueId> inputs;
        for (const std::size_t i : nearest) {
            graph_.nodes[i].each_input([&](ValueId value) { inputs.push_back(value); });
        }
        const auto earlier = before(std::move(inputs), false);
        std::set<std::size_t> last;
        std::ranges::set_difference(nearest, earlier, std::inserter(last, last.end()));
        return last;
    }

    /**
     * The nodes that multiply parameters on the ways back from `values`: all of them, or the
     * nearest, where ways end.
     */
    std::set<std::size_t> before(std::vector<ValueId> values, bool nearest) const {
        std::set<std::size_t> layers;
        std::set<ValueId> seen;
        while (!values.empty()) {
            const ValueId value = values.back();
            values.pop_back();
            const auto maker = facts_.maker(value);
            if (!facts_.of_images(value) || !maker || !seen.insert(value).second) continue;
            const bool layer = multiplies_parameters(graph_.nodes[*maker]);
            if (layer) layers.insert(*maker);
            if (layer && nearest) continue;
            graph_.nodes[*maker].each_input([&](ValueId input) { values.push_back(input); });
        }
        return layers;
    }

  private:
    bool multiplies_parameters(const Node& node) const {
        try {
            return multiplication_of(node,
                                     [&](ValueId value) { return facts_.of_parameters(value); })
                .has_value();
        } catch (const Refusal&) {
            return true;  // though no layer
        }
    }

    const GraphFacts& facts_;
    const ProgramGraph& graph_;
};

bool has_attention(const ProgramGraph& graph) {
    return std::ranges::any_of(graph.nodes, [](const Node& node) {
        return node.target.starts_with("aten.softmax") ||
               node.target.starts_with("aten._softmax") ||
               node.target.starts_with("aten.scaled_dot_product_attention");
    });
}

}  // namespace

void choose_kept(const GraphFacts& facts, ProgramLayers& layers) {
    const KeptLayers search(facts);
    const auto last = search.last();
    const bool attention = has_attention(facts.graph());
    for (auto& entry : layers.entries) {
        entry.kept =
            std::ranges::any_of(entry.nodes, [&](std::size_t node) { return last.contains(node); });
        const auto* layer = entry.call->observable().layer();
        if (layer == nullptr || layer->convolution() == nullptr || !attention) continue;
        const Conv2dOptions& options = *layer->convolution();
        const bool patches = options.kernel.product() > 1 && options.kernel == options.stride;
        const ValueId input = facts.graph().nodes[entry.nodes.front()].input(0);
        if (patches && search.before({input}, true).empty()) entry.kept = true;
    }
}

}  // namespace comq
