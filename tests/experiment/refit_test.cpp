#include <algorithm>

#include "evaluation/evaluate.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/runs.hpp"
#include "experiment/restore_network.hpp"
#include "experiment/setup.hpp"
#include "passes/pass_over.hpp"
#include "repair/repair.hpp"
#include "results/run_file.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> both{"repair.output_refit=true", "repair.norm_refit=true"};

std::vector<std::string> with(std::vector<std::string> keys, const std::vector<std::string>& more) {
    keys.insert(keys.end(), more.begin(), more.end());
    return keys;
}

RunRecord refitted(const std::string& name, const std::vector<std::string>& keys,
                   const fs::path& folder = test::temporary_folder()) {
    return test::run_shipped(
        name, folder,
        with({"calibration.images=40", "calibration.holdout=16", "evaluation.images=200",
              "quantization.bits=2", "quantization.method=rtn"},
             keys));
}

bool same_bytes(const HostTensor& a, const HostTensor& b) {
    return std::ranges::equal(a.bytes(), b.bytes());
}

bool same_tensors(const RunRecord& a, const RunRecord& b) {
    return std::ranges::equal(a.parameters, b.parameters,
                              [](const auto& x, const auto& y) {
                                  return x.first == y.first && same_bytes(x.second, y.second);
                              }) &&
           std::ranges::equal(a.layers, b.layers, [](const LayerRecord& x, const LayerRecord& y) {
               return same_bytes(x.scale, y.scale) && same_bytes(x.bit_code, y.bit_code);
           });
}

/** A float network, its quantized copy, and the images of a run, for a refit by itself. */
struct Pair {
    ExperimentConfig config;
    RunImages images;
    LoadedModel original;
    LoadedModel quantized;
    std::vector<LayerRecord> layers;
    fs::path folder = test::temporary_folder();

    Pair(const std::string& name, std::vector<std::string> keys) {
        const auto run = test::run_shipped(
            name, folder,
            with({"calibration.images=12", "calibration.holdout=8", "evaluation.images=10",
                  "quantization.method=rtn", "quantization.bits=2", "calibration.batch_size=5"},
                 keys));
        layers = run.layers;
        config =
            test::shipped_config(
                name, folder,
                with({"calibration.images=12", "calibration.holdout=8", "calibration.batch_size=5"},
                     keys))
                .config;
        images = open_images(config);
        original = load_model(config.model, torch::kCPU);
        quantized = load_model(config.model, torch::kCPU);
        for (const auto& layer : layers) install_weight(layer_of(*quantized.network, layer), layer);
    }

    static QuantizableLayer& layer_of(const Network& network, const LayerRecord& record) {
        return *std::ranges::find_if(network.layers(), [&](const auto& entry) {
                    return entry.layer->name() == record.name;
                })->layer;
    }

    /** Refits `network`, which has the quantized weights of `records`. */
    std::vector<RepairedParts> refit(Network& network, std::vector<LayerRecord>& records) const {
        BadImages bad(0);
        RepairContext context{
            .config = config.repair,
            .original = *original.network,
            .network = network,
            .layers = records,
            .pass = test::pass_over(*images.calibration_source, config.model.name, 5, bad)
                        .over(images.calibration.fitted),
            .held_out = images.calibration.held_out,
            .micro_batch = config.calibration.batch_size,
            .one_scale_a_layer = false,
            .real_zero_points = false,
            .seed = config.seed,
            .scratch = folder / "spool"};
        return refit_repair.apply(context);
    }

    torch::Tensor pixels(const std::vector<int64_t>& indices) const {
        BadImages bad(0);
        return test::pixels_of(
            test::pass_over(*images.calibration_source, config.model.name, 5, bad).over(indices));
    }
};

/** Outputs of all layers and norms of a pass through a whole network, in order. */
class Recorder : public Tap {
  public:
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        const auto rows = output.to(torch::kDouble).movedim(observed.channel_axis(), -1);
        outputs.emplace_back(observed.name(), rows.flatten(0, -2).clone());
    }
    std::vector<std::pair<std::string, torch::Tensor>> outputs;  ///< [rows, channels]
};

auto recorded(const Network& network, const torch::Tensor& pixels) {
    Recorder recorder;
    network.forward(pixels, &recorder);
    return recorder.outputs;
}

/** Mean over `pixels` of the divergence of the predictions of `network` from `target`'s. */
double divergence(const Network& target, const Network& network, const torch::Tensor& pixels) {
    const auto log_p = torch::log_softmax(target.forward(pixels).to(torch::kDouble), 1);
    const auto log_q = torch::log_softmax(network.forward(pixels).to(torch::kDouble), 1);
    return (log_p.exp() * (log_p - log_q)).sum(1).mean().item<double>();
}

/** What a refit is to do, by whole passes and explicit regressions. */
void refit_slowly(const Pair& pair, Network& network) {
    const torch::NoGradGuard no_gradient;
    const auto fitted = pair.pixels(pair.images.calibration.fitted);
    const auto held_out = pair.pixels(pair.images.calibration.held_out);
    const auto wanted = recorded(*pair.original.network, fitted);
    const auto state = network.state_dict();
    const auto tensor = [&](const std::string& name) {
        const auto found =
            std::ranges::find(state, name, [](const auto& item) { return item.first; });
        return found == state.end() ? torch::Tensor() : found->second;
    };
    std::map<std::string, torch::Tensor> mean_behind;
    for (const auto& norm : conv_norm_pairs(network)) {
        mean_behind[norm.convolution->name()] = norm.norm->batch_statistics()->mean;
    }
    double least = divergence(*pair.original.network, network, held_out);
    bool behind_quantized = false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto& [name, y] = wanted[i];
        const bool quantized =
            std::ranges::find(pair.layers, name, &LayerRecord::name) != pair.layers.end();
        auto weight = tensor(name + ".weight");
        auto bias = tensor(name + ".bias");
        const bool to_mean = !bias.defined();
        if (to_mean) bias = mean_behind.at(name);
        behind_quantized |= quantized;
        if (!quantized && (!behind_quantized || weight.dim() > 1)) continue;
        const auto x = recorded(network, fitted)[i].second;
        const auto dx = x - x.mean(0), dy = y - y.mean(0);
        auto factor = (dx * dy).sum(0) / (dx * dx).sum(0);
        factor = torch::where(factor > 0, factor, torch::ones_like(factor));

        const auto old_weight = weight.clone(), old_bias = bias.clone();
        const auto take = [&](const torch::Tensor& factors, const torch::Tensor& shift) {
            auto sizes = std::vector<int64_t>(static_cast<std::size_t>(weight.dim()), 1);
            sizes[0] = -1;
            weight.copy_(old_weight * factors.view(sizes));
            bias.copy_(to_mean ? old_bias - shift : old_bias * factors + shift);
        };
        const auto ones = torch::ones_like(factor);
        auto best_factor = ones, best_shift = torch::zeros_like(ones);
        for (const auto& whole : {ones, factor}) {
            const auto shift = y.mean(0) - whole * x.mean(0);
            for (const double strength : {0.5, 1.0}) {
                take(1 + strength * (whole - 1), strength * shift);
                const double found = divergence(*pair.original.network, network, held_out);
                if (!(found < least)) break;
                least = found;
                best_factor = 1 + strength * (whole - 1);
                best_shift = strength * shift;
            }
        }
        take(best_factor, best_shift);
    }
}

}  // namespace

TEST_CASE("refits are those of explicit regressions, layer after layer and norm after norm") {
    const Pair pair(GENERATE("demo_vit_4bit", "demo_cnn_4bit"), both);
    auto layers = pair.layers;
    const auto slow = load_model(pair.config.model, torch::kCPU);
    for (const auto& layer : layers) {
        install_weight(Pair::layer_of(*slow.network, layer), layer);
    }
    const auto parts = pair.refit(*pair.quantized.network, layers);
    REQUIRE(parts.size() == 2);
    CHECK(parts[0].key == "output_refit");
    CHECK(parts[1].key == "norm_refit");
    for (const auto& part : parts) CHECK(part.count > 0);
    refit_slowly(pair, *slow.network);

    const auto found = pair.quantized.network->state_dict(), wanted = slow.network->state_dict();
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(found[i].first);
        const auto difference = (found[i].second - wanted[i].second).abs().max().item<double>();
        // fp32 activations behind parameters that fp32 rounded differently.
        CHECK(difference <= 2e-4 * (wanted[i].second.abs().max().item<double>() + 1e-3));
    }
    // Codes stay, and the scales are those of the installed weights.
    bool scaled = false;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        INFO(layers[i].name);
        CHECK(same_bytes(layers[i].bit_code, pair.layers[i].bit_code));
        scaled |= !same_bytes(layers[i].scale, pair.layers[i].scale);
        auto& layer = Pair::layer_of(*pair.quantized.network, layers[i]);
        const auto installed = layer.weight().clone();
        const torch::NoGradGuard no_gradient;
        install_weight(layer, layers[i]);
        CHECK(torch::equal(layer.weight(), installed));
    }
    CHECK(scaled);
}

TEST_CASE("a refit is never worse on the held-out images") {
    // One image fits badly, so that steps are refused.
    const Pair pair("demo_vit_4bit", with(both, {"calibration.images=1"}));
    auto layers = pair.layers;
    const auto held_out = pair.pixels(pair.images.calibration.held_out);
    const auto measure = [&] {
        const torch::NoGradGuard no_gradient;
        return divergence(*pair.original.network, *pair.quantized.network, held_out);
    };
    const double before = measure();
    const auto parts = pair.refit(*pair.quantized.network, layers);
    CHECK_THAT(parts.at(0).details, ContainsSubstring("none for"));
    CHECK(measure() <= before);
}

TEST_CASE("a network that is as it was is left alone") {
    const Pair pair(GENERATE("demo_vit_4bit", "demo_cnn_4bit"), both);
    auto layers = pair.layers;
    const auto same = load_model(pair.config.model, torch::kCPU);
    for (const auto& parts : pair.refit(*same.network, layers)) CHECK(parts.count == 0);
    const auto original = pair.original.network->state_dict(), left = same.network->state_dict();
    for (std::size_t i = 0; i < original.size(); ++i) {
        INFO(original[i].first);
        CHECK(torch::equal(original[i].second, left[i].second));
    }
}

TEST_CASE("refits without held-out images are refused") {
    CHECK_THROWS_WITH(
        test::run_shipped("demo_vit_4bit", test::temporary_folder(), {both[1]}),
        ContainsSubstring("repair.norm_refit") && ContainsSubstring("set calibration.holdout"));
}

TEST_CASE("each switch changes its own part of the network") {
    const auto plain = refitted("demo_vit_4bit", {});
    const auto output = refitted("demo_vit_4bit", {both[0]});
    const auto norm = refitted("demo_vit_4bit", {both[1]});
    const auto touches = [](const RunRecord& run, const std::string& part) {
        return std::ranges::any_of(run.parameters, [&](const auto& item) {
            return item.first.find(part) != std::string::npos;
        });
    };
    const auto same_scales = [&](const RunRecord& run) {
        return std::ranges::equal(run.layers, plain.layers, same_bytes, &LayerRecord::scale,
                                  &LayerRecord::scale);
    };
    CHECK_FALSE(touches(output, "norm"));
    CHECK(touches(output, "bias"));
    CHECK(touches(norm, "norm"));
    CHECK_FALSE(touches(norm, "mlp"));
    CHECK(same_scales(norm));
    CHECK_FALSE(same_scales(output));
    for (const auto* run : {&output, &norm}) {
        CHECK_FALSE(run->uses_labels);
        CHECK_FALSE(run->uses_gradients);
    }
}

TEST_CASE("a layer with one scale keeps one") {
    const auto name = GENERATE("demo_vit_4bit", "demo_cnn_4bit");
    const std::vector<std::string> keys{"quantization.granularity=per_layer",
                                        "quantization.method=comq", "quantization.bits=3"};
    const auto plain = refitted(name, keys), run = refitted(name, with(keys, both));
    int64_t changed = 0;
    for (std::size_t i = 0; i < run.layers.size(); ++i) {
        const auto scales = run.layers[i].scale.as<float>();
        CHECK(std::ranges::all_of(scales, [&](float scale) { return scale == scales.front(); }));
        changed += scales.front() != plain.layers[i].scale.as<float>().front();
    }
    CHECK(changed > 0);
}

TEST_CASE("refits have the same bits for any number of threads") {
    const auto name = GENERATE("demo_vit_4bit", "demo_cnn_4bit");
    const auto one = refitted(name, with(both, {"resources.threads=1"}));
    const auto three = refitted(name, with(both, {"resources.threads=3"}));
    CHECK(same_tensors(one, three));
    CHECK(one.quantized->prediction == three.quantized->prediction);
}

TEST_CASE("a result file with refits restores the network that was evaluated") {
    const auto folder = test::temporary_folder();
    const auto name = GENERATE("demo_vit_4bit", "demo_cnn_4bit");
    const auto run = refitted(
        name, with(both, {"repair.reestimate_batch_norm=true", "repair.bias_correction=true"}),
        folder);
    const auto file = (folder / (std::string(name) + ".h5")).string();
    const auto read = read_run_file(file, ReadScope::everything);
    CHECK(same_tensors(run, read));
    const auto model = restore_network(read, file);
    const auto config = load_config_text(read.config, file).config;
    const auto images = open_images(config);
    BadImages bad(0);
    const std::atomic<bool> never_stop{false};
    Progress progress("evaluation", "images", 200);
    const auto predictions =
        evaluate(*model.network,
                 {{images.evaluation_source.get(), images.evaluation,
                   model.description->preprocessing, config.evaluation.batch_size},
                  torch::kCPU,
                  bad,
                  never_stop},
                 progress);
    CHECK(predictions.prediction == read.quantized->prediction);
}

TEST_CASE("a resumed run takes finished refits from the journal") {
    const auto folder = test::temporary_folder();
    const auto loaded =
        test::shipped_config("demo_vit_4bit", folder,
                             with(both, {"calibration.images=20", "calibration.holdout=8",
                                         "evaluation.images=100", "quantization.bits=2"}));
    const auto whole = run_experiment(loaded, {});
    {
        RunJournal journal = test::new_journal(loaded);
        for (const auto& layer : whole.layers) journal.store_layer(layer);
        // Another number than a refit would give, to see where it comes from.
        TensorMap repaired = whole.parameters;
        repaired["blocks.0.attn.qkv/scale"] = to_host(2.0F * to_torch(whole.layers.front().scale));
        journal.store_tensors(TensorSet::parameters, repaired);
    }
    fs::remove(loaded.config.output.file);
    const auto resumed = run_experiment(loaded, {Leftover::resume, {}});
    REQUIRE(resumed.layers.front().name == "blocks.0.attn.qkv");
    CHECK(torch::equal(to_torch(resumed.layers.front().scale),
                       2.0F * to_torch(whole.layers.front().scale)));
    CHECK(same_bytes(resumed.layers[1].scale, whole.layers[1].scale));
    CHECK(
        std::ranges::equal(resumed.parameters, whole.parameters, [](const auto& a, const auto& b) {
            return a.first == b.first && same_bytes(a.second, b.second);
        }));
}
