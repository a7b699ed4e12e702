#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "core/errors.hpp"
#include "networks/describe_model.hpp"
#include "networks/exported_programs.hpp"
#include "networks/load.hpp"
#include "networks/programs/json_fields.hpp"
#include "networks/programs/program_network.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/mutate.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

torch::Tensor raw_floats(const fs::path& file, const std::vector<int64_t>& shape) {
    const std::string bytes = test::text_of(file);
    auto tensor = torch::empty(shape);
    REQUIRE(bytes.size() == tensor.nbytes());
    std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
    return tensor;
}

struct Exported {
    std::shared_ptr<const ModelDescription> description;
    std::shared_ptr<Network> network;
    torch::Tensor images;
    torch::Tensor logits;  ///< of PyTorch
};

Exported load_exported(const std::string& name) {
    torch::set_num_threads(1);
    const fs::path stem = test::exported("programs").value() / name;
    Exported result;
    ModelConfig config;
    config.program = stem.string() + ".pt2";
    result.description = describe_model(config);
    result.network = result.description->make();
    take_over_parameters(*result.network, result.description->own_weights(),
                         config.program.string());
    result.images = raw_floats(stem.string() + ".images", {3, 3, 32, 32});
    result.logits = raw_floats(stem.string() + ".logits", {3, 10});
    return result;
}

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

/** Counts calls, and compares a layer's output with its rows times its weight. */
class RowsTap : public Tap {
  public:
    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        ++calls[observed.name()];
        if (const auto* layer = observed.layer()) rows_ = layer->rows(input);
        return input;
    }
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        const auto* layer = observed.layer();
        if (layer == nullptr) return;
        INFO(layer->name());
        const int64_t groups = layer->groups(), out = layer->out_features() / groups;
        const auto weight = layer->weight().reshape({groups, out, layer->in_features()});
        auto product = torch::bmm(rows_, weight.transpose(1, 2));  // [groups, N, out / groups]
        product = product.permute({1, 0, 2}).reshape({-1, groups * out});
        if (layer->bias().defined()) product = product + layer->bias();
        const auto wanted = layer->channel_axis() == 1
                                ? output.permute({0, 2, 3, 1}).reshape(product.sizes())
                                : output.reshape(product.sizes());
        CHECK(torch::allclose(product, wanted, 1e-4, 1e-5));
    }
    std::map<std::string, int> calls;

  private:
    torch::Tensor rows_;
};

nlohmann::json program_json(const std::string& name) {
    ProgramArchive archive(test::exported("programs").value() / (name + ".pt2"));
    return archive.program();
}

std::string refusal(const nlohmann::json& program) {
    try {
        read_graph(program, "net.pt2");
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("programs give the logits of PyTorch bit for bit") {
    COMQ_NEED_PROGRAMS(folder);
    const auto names = test::names_of_programs(folder);
    CHECK(names.size() == 20);
    for (const std::string& name : names) {
        INFO(name);
        const Exported program = load_exported(name);
        const torch::InferenceMode inference;
        CHECK(torch::equal(program.network->forward(program.images), program.logits));

        // Block by block, and one image at a time.
        torch::Tensor activation = program.images;
        for (std::size_t i = 0; i < program.network->blocks().size(); ++i) {
            const auto before = activation.clone();
            const auto next = program.network->run(activation, i, i + 1);
            CHECK(torch::equal(before, activation));
            activation = next;
        }
        CHECK(torch::equal(activation, program.logits));
        const auto first = program.network->forward(program.images.narrow(0, 0, 1));
        CHECK(torch::allclose(first, program.logits.narrow(0, 0, 1), 1e-4, 1e-5));

        RowsTap tap;
        CHECK(torch::equal(program.network->forward(program.images, &tap), program.logits));
        for (const auto& entry : program.network->observables()) {
            INFO(entry.observable->name());
            CHECK(tap.calls[entry.observable->name()] == entry.observable->calls());
        }
    }
}

TEST_CASE("a program's layers, blocks and scope are those of its modules") {
    COMQ_NEED_PROGRAMS(folder);
    using Names = std::vector<std::string>;
    const auto residual = load_exported("residual").network;
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

    const auto transformer = load_exported("transformer").network;
    CHECK(names_of(*transformer, false) == Names{"patch", "head"});
    CHECK(names_of(*transformer, true).size() == 8);
    CHECK(blocks_of(*transformer) ==
          Names{"patch", "blocks.0", "blocks.0 2", "blocks.1", "blocks.1 2", "head"});

    const auto windows = load_exported("windows").network;
    CHECK(names_of(*windows, true) == Names{"qkv", "mlp"});
    CHECK(names_of(*windows, false) == Names{"patch", "head"});

    const auto shared = load_exported("shared").network;
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
        const auto network = load_exported(name).network;
        std::set<std::string> found;
        for (const auto& entry : network->layers()) found.insert(entry.layer->name());
        for (const auto& what : network->unquantizable()) found.insert(what.name);
        std::ifstream lines(folder / (name + ".layers"));
        std::vector<std::string> missed;
        int ran = 0;
        for (std::string line; std::getline(lines, line); ++ran) {
            if (!found.contains(line)) missed.push_back(line);
        }
        CHECK(ran > 0);
        // Its weight is computed, so that what multiplies it goes by the name of a node.
        if (name == "standardized") missed.erase(std::ranges::find(missed, "conv"));
        CHECK(missed == std::vector<std::string>{});
    }
}

TEST_CASE("products of any operator are layers, whatever layout their weights have") {
    COMQ_NEED_PROGRAMS(folder);
    using Names = std::vector<std::string>;
    const auto network = load_exported("products").network;
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

TEST_CASE("height and width of a convolution may differ, and a line is a map") {
    COMQ_NEED_PROGRAMS(folder);
    using Names = std::vector<std::string>;
    const auto network = load_exported("axes").network;
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
    const auto products = load_exported("products").network;
    CHECK(norms(*products, ObservableKind::rms_norm) == Names{"norm1"});
    CHECK(norms(*products, ObservableKind::layer_norm) == Names{"norm2"});
    REQUIRE(products->unusable_norms().size() == 1);
    CHECK(products->unusable_norms()[0].reason == "it has no weight");

    const auto axes = load_exported("axes").network;
    CHECK(norms(*axes, ObservableKind::group_norm) == Names{"norm"});
    CHECK(norms(*axes, ObservableKind::batch_norm) == Names{"bn1", "bn2", "bn3"});
    for (const auto& entry : axes->observables()) {
        if (entry.observable->name() == "bn2") CHECK_FALSE(entry.observable->weight().defined());
    }
}

TEST_CASE("a program's description is that of its archive and of the config") {
    COMQ_NEED_PROGRAMS(folder);
    const auto description = load_exported("residual").description;
    CHECK(description->name == "residual");
    CHECK(description->classes == 10);
    CHECK(description->license == "MIT");
    CHECK(description->preprocessing.describe() ==
          "resize 32 bilinear, crop 32, mean [0.5, 0.5, 0.5], std [0.25, 0.25, 0.25]");
    ModelConfig config;
    config.program = folder / "residual.pt2";
    config.preprocessing.interpolation = Interpolation::bicubic;
    CHECK(describe_model(config)->preprocessing.interpolation == Interpolation::bicubic);
    config.preprocessing.crop = 30;
    CHECK_THROWS_WITH(describe_model(config), ContainsSubstring("takes images of 32 × 32 pixels"));
    config.program = folder / "missing.pt2";
    CHECK_THROWS_AS(describe_model(config), UsageError);
}

TEST_CASE("weights are pages of the archive, and a change of them is the network's own") {
    COMQ_NEED_PROGRAMS(folder);
    const std::string before = test::text_of(folder / "transformer.pt2");
    const Exported changed = load_exported("transformer");
    const auto weights = changed.description->own_weights();
    const auto network = changed.description->make();
    take_over_parameters(*network, weights, "transformer.pt2");
    for (const auto& [name, tensor] : network->state_dict()) {
        INFO(name);
        CHECK(tensor.data_ptr() == weights.at(name).data.get());
    }
    const torch::NoGradGuard no_gradient;
    for (auto& parameter : network->parameters()) parameter.zero_();
    const Exported other = load_exported("transformer");
    CHECK(torch::equal(other.network->forward(other.images), other.logits));
    CHECK(torch::equal(changed.network->forward(changed.images), changed.logits));
    CHECK(test::text_of(folder / "transformer.pt2") == before);
}

TEST_CASE("gradients flow through a program, and threads run it side by side") {
    COMQ_NEED_PROGRAMS(folder);
    for (const std::string name : {"residual", "transformer", "shared"}) {
        INFO(name);
        const Exported program = load_exported(name);
        program.network->forward(program.images).logsumexp(1).sum().backward();
        for (const auto& entry : program.network->layers()) {
            INFO(entry.layer->name());
            CHECK(entry.layer->weight().grad().abs().sum().item<float>() > 0.0F);
        }
        std::vector<torch::Tensor> logits(4);
        std::vector<std::thread> threads;
        for (auto& result : logits) {
            threads.emplace_back([&] {
                const torch::InferenceMode inference;
                result = program.network->forward(program.images);
            });
        }
        for (auto& thread : threads) thread.join();
        for (const auto& result : logits) CHECK(torch::equal(result, program.logits));
    }
}

TEST_CASE("what a program can't be is refused by name") {
    COMQ_NEED_PROGRAMS(folder);
    const auto program = program_json("residual");
    const auto edited = [&](const auto& edit) {
        auto changed = program;
        edit(changed["graph_module"]["graph"], changed["graph_module"]["signature"]);
        return refusal(changed);
    };
    CHECK(refusal(program) == "no error");
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["nodes"][0]["target"] = "torch.ops.aten.no_such.default";
               }),
               ContainsSubstring("net.pt2: node ") && ContainsSubstring("no such operator"));
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["nodes"][0]["target"] = "torch.ops.aten.from_file.default";
               }),
               ContainsSubstring("that operator is not run"));
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["nodes"][0]["target"] = "torch.ops.mine.op.default";
               }),
               ContainsSubstring("outside PyTorch's own"));
    CHECK_THAT(edited([](auto& graph, auto&) { std::swap(graph["nodes"][0], graph["nodes"][1]); }),
               ContainsSubstring("used before it is made"));
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["nodes"][0]["inputs"][0]["arg"] = {{"as_graph", 1}};
               }),
               ContainsSubstring("kind as_graph"));
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["tensor_values"]["x"]["sizes"][0] = {{"as_int", 2}};
               }),
               ContainsSubstring("batches of 2 images only"));
    CHECK_THAT(edited([](auto&, auto& signature) {
                   auto& outputs = signature["output_specs"];
                   outputs.push_back(outputs[0]);
               }),
               ContainsSubstring("more than one tensor"));
    CHECK_THAT(edited([](auto& graph, auto&) { graph["nodes"] = 3; }),
               ContainsSubstring("models/model.json"));
}

TEST_CASE("an archive that can't be run is refused with what to do about it") {
    COMQ_NEED_EXPORTED("refused", folder);
    const std::map<std::string, std::vector<std::string>> expected{
        {"two_inputs", {"takes more than a batch of images", "forward takes one tensor"}},
        {"two_outputs", {"returns more than one tensor", "returns logits alone"}},
        {"features", {"not logits [batch, classes]"}},
        {"fixed_batch", {"for batches of 2 images only", "dynamic_shapes"}},
        {"training", {"(aten.batch_norm.default): it is in training mode", "module.eval()"}},
        {"dropout", {"(aten.dropout.default): it is in training mode", "module.eval()"}},
        {"mutation", {"it writes to runs"}},
        {"noise", {"(aten.randn_like.default): it draws random numbers"}},
        {"double", {"parameter 'conv.weight' is F64", "module.float()"}},
        {"grey", {"not images [batch, 3, height, width]"}},
        {"older_schema", {"in version 7 of its schema, 8 is read here", "export it again"}},
        {"newer_schema", {"in version 9 of its schema, 8 is read here", "export it again"}},
        {"own_operator", {"operators outside PyTorch's own (ATen) are not run"}},
        {"control_flow", {"(higher_order.cond): operators outside PyTorch's own"}},
        {"weights", {"no program of torch.export.save"}}};
    const auto names = test::names_of_programs(folder);
    CHECK(names.size() == expected.size());
    for (const std::string& name : names) {
        INFO(name);
        const fs::path file = folder / (name + ".pt2");
        std::string message = "no error";
        try {
            ProgramArchive archive(file);
            read_program(archive);
        } catch (const InputError& error) {
            message = error.what();
        }
        CHECK_THAT(message, ContainsSubstring(file.string() + ":") ||
                                ContainsSubstring(file.string() + " ("));
        CHECK(message.find('\n') == std::string::npos);
        for (const std::string& part : expected.at(name)) {
            CHECK_THAT(message, ContainsSubstring(part));
        }
    }
}

TEST_CASE("an archive that is cut anywhere is an error that names it") {
    COMQ_NEED_PROGRAMS(folder);
    const std::string whole = test::text_of(folder / "shared.pt2");
    const fs::path file = test::temporary_folder() / "cut.pt2";
    for (std::size_t i = 0; i < 40; ++i) {
        const std::size_t length = whole.size() * i / 40;
        INFO(length << " of " << whole.size() << " bytes");
        std::ofstream(file, std::ios::binary)
            .write(whole.data(), static_cast<std::streamsize>(length));
        try {
            ProgramArchive archive(file);
            FAIL("it was read");
        } catch (const InputError& error) {
            CHECK_THAT(error.what(), ContainsSubstring("cut.pt2"));
        }
    }
}

TEST_CASE("damaged graphs and archives are errors, whatever is damaged") {
    COMQ_NEED_PROGRAMS(folder);
    ProgramArchive archive(folder / "shared.pt2");
    auto json = archive.program();
    for (auto& node : json["graph_module"]["graph"]["nodes"]) node.erase("metadata");
    const std::string text = json.dump();
    const auto images = torch::zeros({1, 3, 32, 32});
    const auto original = read_program(archive);
    test::expect_only_errors(
        std::as_bytes(std::span(text)), text.size(), 400, [&](std::span<const std::byte> bytes) {
            const std::string_view changed(reinterpret_cast<const char*>(bytes.data()),
                                           bytes.size());
            auto program = std::make_shared<Program>(*original);
            reading_json("net.pt2", [&] {
                program->graph = read_graph(nlohmann::json::parse(changed), "net.pt2");
            });
            // A network of it would read tensors that the archive has.
            if (program->graph.tensors.size() != original->tensors.size()) return;
            const ProgramNetwork network(program);
            const torch::InferenceMode inference;
            network.forward(images);
        });

    const std::string whole = test::text_of(folder / "shared.pt2");
    const fs::path file = test::temporary_folder() / "changed.pt2";
    test::expect_only_errors(std::as_bytes(std::span(whole)), whole.size(), 100,
                             [&](std::span<const std::byte> bytes) {
                                 std::ofstream(file, std::ios::binary)
                                     .write(reinterpret_cast<const char*>(bytes.data()),
                                            static_cast<std::streamsize>(bytes.size()));
                                 ProgramArchive changed(file);
                                 program_tensors(*read_program(changed), changed);
                             });
}
