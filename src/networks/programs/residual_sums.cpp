#include "networks/programs/residual_sums.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "networks/norms.hpp"
#include "networks/programs/product.hpp"

namespace comq {

namespace {

/** Operators whose first argument comes out with its entries in other places, or as it is. */
constexpr std::array<std::string_view, 22> movers{
    "aten.view.default",         "aten.reshape.default",    "aten._unsafe_view.default",
    "aten.permute.default",      "aten.transpose.int",      "aten.t.default",
    "aten.flatten.using_ints",   "aten.unflatten.int",      "aten.squeeze.default",
    "aten.squeeze.dim",          "aten.squeeze.dims",       "aten.unsqueeze.default",
    "aten.roll.default",         "aten.flip.default",       "aten.movedim.int",
    "aten.clone.default",        "aten.contiguous.default", "aten.alias.default",
    "aten.detach.default",       "aten.dropout.default",    "aten.feature_dropout.default",
    "aten.pixel_shuffle.default"};

bool is_one_of(const Node& node, std::initializer_list<std::string_view> targets) {
    return std::ranges::find(targets, node.target) != targets.end();
}

class SumSearch {
  public:
    SumSearch(const GraphFacts& facts, const ProgramLayers& layers)
        : facts_(facts), graph_(facts.graph()), layers_(layers) {
        const std::size_t nodes = graph_.nodes.size();
        sums_ = {std::vector<bool>(nodes), std::vector<std::optional<ResidualSums::Link>>(nodes),
                 std::vector<std::vector<ResidualSums::Term>>(nodes)};
    }

    ResidualSums run() {
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const Node& node = graph_.nodes[i];
            if (node.target != "aten.add.Tensor") continue;
            const ValueId a = node.input(0), b = node.input(1);
            if (a < 0 || b < 0 || a == b || !of_one_shape(a, b) || !adds_whole(node)) continue;
            add_term(i, a, b);
            add_term(i, b, a);
        }
        return std::move(sums_);
    }

  private:
    bool of_one_shape(ValueId a, ValueId b) const {
        const auto& sizes = sizes_of(a);
        return facts_.of_images(a) && facts_.of_images(b) && !sizes.empty() && sizes == sizes_of(b);
    }
    const std::vector<std::string>& sizes_of(ValueId value) const {
        return graph_.values[static_cast<std::size_t>(value)].sizes;
    }
    /** Without a factor on the second. */
    static bool adds_whole(const Node& node) {
        if (node.arguments.size() < 3) return true;
        const c10::IValue* factor = constant_at(node, 2);
        return factor != nullptr && factor->isScalar() && factor->toScalar().equal(1);
    }

    void add_term(std::size_t sum, ValueId branch, ValueId stream) {
        std::map<std::size_t, ResidualSums::Link> links;
        ValueId value = branch;
        while (facts_.uses(value) == 1) {
            const auto maker = facts_.maker(value);
            if (!maker) return;
            const auto* call = layers_.of_node[*maker].call;
            if (call != nullptr && call->observable().layer() != nullptr) {
                for (const auto& [node, link] : links) sums_.links[node] = link;
                sums_.starts[*maker] = true;
                sums_.terms[sum].push_back({*maker, branch, stream});
                return;
            }
            const auto link = link_of(*maker);
            if (!link) return;
            links.emplace(*maker, *link);
            value = graph_.nodes[*maker].input(link->argument);
        }
    }

    /** None where the node does something else, or it to something else, too. */
    std::optional<ResidualSums::Link> link_of(std::size_t i) const {
        using enum ResidualSums::Does;
        const Node& node = graph_.nodes[i];
        std::optional<ResidualSums::Link> link;
        if (std::ranges::find(movers, node.target) != movers.end()) {
            link = {0, moves};
        } else if (node.target == "aten.batch_norm.default") {
            if (layers_.of_node[i].call != nullptr) link = {0, normalizes};
        } else if (is_one_of(node, {"aten.mul.Tensor", "aten.mul.Scalar"})) {
            link = {image_argument(node), multiplies};
        } else if (node.target == "aten.div.Tensor") {
            link = {0, multiplies};
        } else if (node.target == "aten.add.Tensor" && adds_whole(node)) {
            link = {image_argument(node), adds};
        }
        if (!link) return std::nullopt;
        const ValueId followed = node.input(link->argument);
        if (followed < 0) return std::nullopt;
        bool alone = true;
        node.each_input([&](ValueId value) {
            alone = alone && (value == followed || !facts_.of_images(value) ||
                              !graph_.values[static_cast<std::size_t>(value)].tensor);
        });
        ValueId made = -1;
        node.each_output([&](ValueId value) { made = value; });
        const bool same_shape = link->does == moves || of_one_shape(followed, made);
        return alone && made >= 0 && same_shape ? link : std::nullopt;
    }
    /** Which of two arguments depends on the images. */
    std::size_t image_argument(const Node& node) const {
        const ValueId first = node.input(0);
        return first >= 0 && facts_.of_images(first) ? 0 : 1;
    }

    const GraphFacts& facts_;
    const ProgramGraph& graph_;
    const ProgramLayers& layers_;
    ResidualSums sums_;
};

/** The factor of each channel, `factors` lying as the output of `layer`; none where it differs
 *  within one. */
std::optional<torch::Tensor> by_channel(const Observable& layer, const torch::Tensor& factors) {
    const auto channels = factors.movedim(layer.channel_axis(), 0).flatten(1);
    const auto largest = channels.amax(1);
    if (!torch::equal(channels.amin(1), largest)) return std::nullopt;
    return largest;
}

}  // namespace

ResidualSums find_residual_sums(const GraphFacts& facts, const ProgramLayers& layers) {
    return SumSearch(facts, layers).run();
}

torch::Tensor SumWatch::passed(const Node& node, std::size_t argument, const torch::Tensor& probe,
                               const Frame& frame) const {
    torch::jit::Stack stack;
    push_arguments(node, frame, stack);
    stack.at(argument) = probe;
    call(graph_, node, stack);
    return stack.at(0).toTensor();
}

SumWatch::Probes SumWatch::passed(std::size_t i, const ResidualSums::Link& link, Probes probes,
                                  const Frame& frame) const {
    const Node& node = graph_.nodes[i];
    switch (link.does) {
        case ResidualSums::Does::moves:
            probes.places = passed(node, link.argument, probes.places, frame);
            probes.factors = passed(node, link.argument, probes.factors, frame);
            break;
        case ResidualSums::Does::multiplies:
            probes.factors = passed(node, link.argument, probes.factors, frame);
            break;
        case ResidualSums::Does::normalizes: {
            std::vector<int64_t> along_channels(static_cast<std::size_t>(probes.factors.dim()), 1);
            along_channels.at(1) = -1;
            const Observable& norm = layers_.of_node[i].call->observable();
            probes.factors = probes.factors * batch_norm_scale(norm).view(along_channels);
            break;
        }
        case ResidualSums::Does::adds:
            break;
    }
    return probes;
}

void SumWatch::follow(std::size_t i, const Frame& frame) {
    const Node& node = graph_.nodes[i];
    ValueId made = -1;
    node.each_output([&](ValueId value) { made = made < 0 ? value : made; });
    if (sums_.starts[i]) {
        const auto output = frame.at(made).toTensor().detach();
        const auto places = torch::arange(output.numel(), output.options().dtype(torch::kInt64))
                                .view(output.sizes());
        probes_[made] = {places, torch::ones_like(output), output.sizes().vec()};
    }
    if (const auto& link = sums_.links[i]) {
        auto before = probes_.extract(node.input(link->argument));
        if (!before.empty()) probes_[made] = passed(i, *link, std::move(before.mapped()), frame);
    }
    for (const auto& term : sums_.terms[i]) tell(term, frame);
}

void SumWatch::tell(const ResidualSums::Term& term, const Frame& frame) const {
    const auto found = probes_.find(term.branch);
    if (found == probes_.end()) return;
    const auto& layer_call = layers_.of_node[term.layer];
    const Observable& layer = layer_call.call->observable();
    const Probes& probes = found->second;
    const auto as_output = [&](const torch::Tensor& of_sum) {
        auto values = torch::empty({of_sum.numel()}, of_sum.options());
        values.index_put_({probes.places.flatten()}, of_sum.flatten());
        return layer_call.form.shown_output.shown(values.view(probes.sizes));
    };
    const auto scale = by_channel(layer, as_output(probes.factors));
    if (!scale) return;
    layer.joins([&] { return ResidualSum{as_output(frame.at(term.stream).toTensor()), *scale}; });
}

}  // namespace comq
