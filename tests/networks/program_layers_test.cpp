#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "networks/loaded_program.hpp"
#include "support/catch.hpp"

using namespace comq;
using test::load_exported;
using test::missed_layers;

namespace {

std::vector<std::string> names_of(const Network& network, bool quantized) {
    std::vector<std::string> names;
    for (const auto& entry : network.layers()) {
        if (entry.quantized_by_default == quantized) names.push_back(entry.layer->name());
    }
    return names;
}

std::vector<std::string> blocks_of(const Network& network) {
    std::vector<std::string> names;
    for (const Block& block : network.blocks()) names.push_back(block.name);
    return names;
}

std::string reason_of(const Network& network, const std::string& name) {
    for (const auto& what : network.unquantizable()) {
        if (what.name == name) return what.reason;
    }
    return "none";
}

}  // namespace

TEST_CASE("a program's layers, blocks and scope are those of its modules") {
    COMQ_NEED_PROGRAMS(folder);
    using Names = std::vector<std::string>;
    const auto residual = load_exported(folder, "residual").network;
    CHECK(names_of(*residual, true) ==
          Names{"stem", "conv1", "conv2", "squeeze", "excite", "wide"});
    CHECK(names_of(*residual, false) == Names{"fc"});
    CHECK(residual->unquantizable().empty());
    CHECK(blocks_of(*residual).size() == 4);
    std::vector<std::string> pairs;
    for (const auto& entry : residual->observables()) {
        if (entry.convolution == nullptr) continue;
        pairs.push_back(entry.convolution->name() + " " + entry.observable->name());
    }
    CHECK(pairs == Names{"stem bn", "conv1 bn1", "conv2 bn2"});

    const auto transformer = load_exported(folder, "transformer").network;
    CHECK(names_of(*transformer, false) == Names{"patch", "head"});
    CHECK(names_of(*transformer, true).size() == 8);
    CHECK(blocks_of(*transformer) ==
          Names{"patch", "blocks.0", "blocks.0 2", "blocks.1", "blocks.1 2", "head"});

    const auto windows = load_exported(folder, "windows").network;
    CHECK(names_of(*windows, true) == Names{"qkv", "mlp"});
    CHECK(names_of(*windows, false) == Names{"patch", "head"});

    const auto shared = load_exported(folder, "shared").network;
    CHECK(names_of(*shared, true) == Names{"conv", "twice", "gate"});
    CHECK_THAT(reason_of(*shared, "tied"), ContainsSubstring("used otherwise"));
    CHECK(shared->unquantizable().size() == 2);
    CHECK(std::ranges::any_of(shared->unquantizable(), [](const auto& what) {
        return what.reason == "its weight is computed from parameters";
    }));
    std::map<std::string, int> calls;
    for (const auto& entry : shared->layers()) calls[entry.layer->name()] = entry.layer->calls();
    CHECK(calls == std::map<std::string, int>{{"conv", 1}, {"twice", 2}, {"gate", 1}, {"head", 1}});
}

TEST_CASE("no Linear layer or convolution of a module is missed in its program") {
    COMQ_NEED_PROGRAMS(folder);
    for (const std::string& name : test::names_of_programs(folder)) {
        INFO(name);
        auto missed = missed_layers(folder, name, *load_exported(folder, name).network);
        // Its weight is computed, so that what multiplies it goes by the name of a node.
        if (name == "standardized") missed.erase(std::ranges::find(missed, "conv"));
        CHECK(missed == std::vector<std::string>{});
    }
}

TEST_CASE("no Linear layer or convolution of a network of timm is missed") {
    COMQ_NEED_EXPORTED("timm", folder);
    for (const std::string& name : test::names_of_programs(folder)) {
        INFO(name);
        const auto network = load_exported(folder, name).network;
        const auto missed = missed_layers(folder, name, *network);
        // Weights that are standardized first.
        const auto refused = static_cast<std::ptrdiff_t>(network->unquantizable().size());
        CHECK(std::ssize(missed) == (name == "test_nfnet" ? refused : 0));
    }
}

TEST_CASE("products of any operator are layers, whatever layout their weights have") {
    COMQ_NEED_PROGRAMS(folder);
    using Names = std::vector<std::string>;
    const auto network = load_exported(folder, "products").network;
    CHECK(names_of(*network, true) == Names{"patch", "expand", "shrink", "tokens", "heads_last",
                                            "merge", "heads_first", "groups", "batched", "turned",
                                            "query", "pooled"});
    CHECK(names_of(*network, false) == Names{"head"});
    CHECK(reason_of(*network, "linear_1") == "its weight is computed from parameters");

    const auto parameters = network->named_parameters();
    const torch::NoGradGuard no_gradient;
    const auto check = [&](const std::string& name, const std::string& parameter, int64_t out,
                           int64_t in, const torch::Tensor& rows_of_outputs) {
        INFO(name);
        const auto found = std::ranges::find_if(
            network->layers(), [&](const auto& entry) { return entry.layer->name() == name; });
        REQUIRE(found != network->layers().end());
        QuantizableLayer& layer = *found->layer;
        CHECK(layer.out_features() == out);
        CHECK(layer.in_features() == in);
        CHECK(torch::equal(layer.weight().reshape({out, in}), rows_of_outputs.reshape({out, in})));
        // What is installed is the parameter, in its own layout.
        layer.weight().fill_(7.0F);
        CHECK(parameters[parameter].eq(7.0F).all().item<bool>());
    };
    const auto p = [&](const std::string& name) { return parameters[name].clone(); };
    check("expand", "expand.weight", 24, 12, p("expand.weight").t());
    check("shrink", "shrink", 12, 24, p("shrink").t());
    check("tokens", "tokens", 64, 64, p("tokens"));
    check("heads_last", "heads_last", 12, 12, p("heads_last"));
    check("merge", "merge", 12, 12, p("merge").permute({2, 0, 1}));
    check("heads_first", "heads_first", 12, 12, p("heads_first").permute({0, 2, 1}));
    check("groups", "groups", 15, 4, p("groups").permute({0, 2, 1}));
    check("batched", "batched", 12, 5, p("batched").permute({0, 2, 1}));
    check("turned", "turned", 9, 12, p("turned").t());
    check("query", "query", 1, 12, p("query"));
    check("pooled", "pooled", 12, 12, p("pooled"));
}

TEST_CASE("weights of recurrent layers are listed with the reason") {
    COMQ_NEED_PROGRAMS(folder);
    const auto network = load_exported(folder, "recurrent").network;
    CHECK(names_of(*network, true) == std::vector<std::string>{"stem", "mix"});
    std::vector<std::string> listed;
    for (const auto& what : network->unquantizable()) {
        CHECK_THAT(what.reason, ContainsSubstring("recurrent layer (aten."));
        listed.push_back(what.name);
    }
    CHECK(listed == std::vector<std::string>{
                        "rows.weight_ih_l0", "rows.weight_hh_l0", "rows.weight_ih_l0_reverse",
                        "rows.weight_hh_l0_reverse", "columns.weight_ih_l0",
                        "columns.weight_hh_l0"});
}

TEST_CASE("height and width of a convolution may differ, and a line is a map") {
    COMQ_NEED_PROGRAMS(folder);
    using Names = std::vector<std::string>;
    const auto network = load_exported(folder, "axes").network;
    CHECK(names_of(*network, true) ==
          Names{"stem", "wide", "tall", "even", "pool", "line", "same", "channel"});
    CHECK(network->unquantizable().empty());
    std::vector<std::string> pairs;
    for (const auto& entry : network->observables()) {
        if (entry.convolution == nullptr) continue;
        pairs.push_back(entry.convolution->name() + " " + entry.observable->name());
    }
    CHECK(pairs == Names{"wide bn1", "tall bn2", "line bn3"});
}

TEST_CASE("norms of every kind are found, or listed with the reason") {
    COMQ_NEED_PROGRAMS(folder);
    const auto norms = [](const Network& network, ObservableKind kind) {
        std::vector<std::string> found;
        for (const auto& entry : network.observables()) {
            if (entry.observable->kind() == kind) found.push_back(entry.observable->name());
        }
        return found;
    };
    using Names = std::vector<std::string>;
    const auto products = load_exported(folder, "products").network;
    CHECK(norms(*products, ObservableKind::rms_norm) == Names{"norm1"});
    CHECK(norms(*products, ObservableKind::layer_norm) == Names{"norm2"});
    REQUIRE(products->unusable_norms().size() == 1);
    CHECK(products->unusable_norms()[0].reason == "it has no weight");

    const auto axes = load_exported(folder, "axes").network;
    CHECK(norms(*axes, ObservableKind::group_norm) == Names{"norm"});
    CHECK(norms(*axes, ObservableKind::batch_norm) == Names{"bn1", "bn2", "bn3"});
    for (const auto& entry : axes->observables()) {
        if (entry.observable->name() == "bn2") CHECK_FALSE(entry.observable->weight().defined());
    }
}
