#include "core/errors.hpp"
#include "networks.hpp"
#include "results/run_journal.hpp"
#include "support/catch.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

struct Networks {
    std::shared_ptr<Network> original;
    std::shared_ptr<Network> quantized;
};

Networks networks_of(const std::string& name) {
    Networks networks{test::hash_network(name), test::hash_network(name)};
    test::round_weights(*networks.quantized);
    return networks;
}

RepairedParts tune(const Networks& networks, const ImagePass& pass, NormTuning loss) {
    RepairConfig config;
    config.norm_tuning = loss;
    config.epochs = 3;
    return test::apply(norm_tuning_repair, *networks.original, *networks.quantized, pass, config);
}

double divergence(const Networks& networks, const torch::Tensor& pixels) {
    const torch::NoGradGuard no_gradient;
    const auto logits = [&](const Network& network) {
        return torch::log_softmax(network.forward(pixels), 1);
    };
    return torch::kl_div(logits(*networks.quantized), logits(*networks.original),
                         at::Reduction::Sum, true)
        .item<double>();
}

/** Mean over blocks of ‖x̃ − x‖² / ‖x‖² of what they hand on. */
double block_error(const Networks& networks, const torch::Tensor& pixels) {
    const torch::NoGradGuard no_gradient;
    double sum = 0.0;
    const std::size_t last = networks.original->blocks().size() - 1;
    for (std::size_t block = 0; block < last; ++block) {
        const auto expected = networks.original->run(pixels, 0, block + 1);
        const auto found = networks.quantized->run(pixels, 0, block + 1);
        sum += ((found - expected).norm() / expected.norm()).square().item<double>();
    }
    return sum / static_cast<double>(last);
}

double label_loss(const Network& network, const torch::Tensor& pixels) {
    const torch::NoGradGuard no_gradient;
    const auto labels = torch::arange(pixels.size(0)) % 10;
    return torch::cross_entropy_loss(network.forward(pixels), labels).item<double>();
}

}  // namespace

TEST_CASE("tuning against the full-precision network brings the outputs closer") {
    const std::string name = GENERATE("demo_vit", "demo_cnn");
    INFO(name);
    const auto networks = networks_of(name);
    const test::MemorySource source(20, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, name, 10, bad);
    const auto pixels = test::pixels_of(pass);
    const double before = divergence(networks, pixels);
    std::map<std::string, torch::Tensor> state;
    for (const auto& [key, tensor] : networks.quantized->state_dict()) state[key] = tensor.clone();

    tune(networks, pass, NormTuning::full_precision_logits);
    CHECK(divergence(networks, pixels) < 0.9 * before);

    int64_t changed = 0;
    for (const auto& [key, tensor] : networks.quantized->state_dict()) {
        const bool equal = torch::equal(tensor, state.at(key));
        const bool tunable = tensor.dim() == 1 && key.find("running_") == std::string::npos;
        if (!tunable) {
            INFO(key);
            CHECK(equal);
        }
        changed += !equal;
    }
    CHECK(changed > 0);
}

TEST_CASE("tuning with labels lowers their loss") {
    const auto networks = networks_of("demo_cnn");
    const test::MemorySource source(20, 32, 10);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 10, bad);
    const auto pixels = test::pixels_of(pass);
    const double before = label_loss(*networks.quantized, pixels);
    tune(networks, pass, NormTuning::labels);
    CHECK(label_loss(*networks.quantized, pixels) < before);
}

TEST_CASE("tuning has the same bits for any number of threads") {
    const test::MemorySource source(14, 32);
    std::vector<std::vector<std::pair<std::string, torch::Tensor>>> states;
    for (const int threads : {1, 3}) {
        set_torch_threads(threads);
        const auto networks = networks_of("demo_cnn");
        BadImages bad(0);
        tune(networks, test::pass_over(source, "demo_cnn", 12, bad),
             NormTuning::full_precision_logits);
        states.push_back(networks.quantized->state_dict());
    }
    for (std::size_t i = 0; i < states[0].size(); ++i) {
        CHECK(torch::equal(states[0][i].second, states[1][i].second));
    }
}

TEST_CASE("tuning with labels asks for labels") {
    const auto networks = networks_of("demo_cnn");
    const test::MemorySource source(4, 32, 0);
    BadImages bad(0);
    CHECK_THROWS_WITH(
        tune(networks, test::pass_over(source, "demo_cnn", 2, bad), NormTuning::labels),
        ContainsSubstring("image-") &&
            ContainsSubstring("repair.norm_tuning=full_precision_logits"));
}

namespace {

/** Divergence after tuning at two bits; layers and their records stay one. */
double tuned_divergence(const RepairConfig& config, std::vector<int64_t> held_out = {}) {
    Networks networks{test::hash_network("demo_vit"), test::hash_network("demo_vit")};
    const test::MemorySource source(20, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_vit", 10, bad);
    test::apply(norm_tuning_repair, *networks.original, *networks.quantized, pass, config,
                test::quantized_layers(*networks.quantized), std::move(held_out));
    return divergence(networks, test::pixels_of(pass));
}

RepairConfig three_epochs() {
    RepairConfig config;
    config.norm_tuning = NormTuning::full_precision_logits;
    config.epochs = 3;
    return config;
}

}  // namespace

TEST_CASE("tuning grids too brings the outputs closer than norms and biases alone") {
    auto config = three_epochs();
    const double without = tuned_divergence(config);
    config.tune_grids = true;
    CHECK(tuned_divergence(config) < without);
}

TEST_CASE("tuned grids are those of the records, and codes stay") {
    Networks networks{test::hash_network("demo_cnn"), test::hash_network("demo_cnn")};
    auto layers = test::quantized_layers(*networks.quantized);
    const auto before = layers;
    std::vector<torch::Tensor> codes;
    for (const auto& layer : layers) codes.push_back(to_torch(layer.bit_code).clone());
    const test::MemorySource source(12, 32, 0);
    BadImages bad(0);
    auto config = three_epochs();
    config.tune_grids = true;
    const auto parts = test::apply_all(norm_tuning_repair, *networks.original, *networks.quantized,
                                       test::pass_over(source, "demo_cnn", 6, bad), config, layers,
                                       /*held_out=*/{}, /*real_zero_points=*/false);
    REQUIRE(parts.size() == 2);
    CHECK(parts[1].count == std::ssize(layers));
    for (std::size_t i = 0; i < layers.size(); ++i) {
        INFO(layers[i].name);
        const auto& entry = networks.quantized->layers()[i];
        CHECK(torch::equal(to_torch(layers[i].bit_code), codes[i]));
        CHECK_FALSE(torch::equal(to_torch(layers[i].scale), to_torch(before[i].scale)));
        CHECK(torch::equal(to_torch(layers[i].zero_point), to_torch(before[i].zero_point)));
        const auto weight = dequantized(layers[i].bit_code, layers[i].scale, layers[i].zero_point);
        CHECK(torch::equal(entry.layer->weight(), weight.view(entry.layer->weight().sizes())));
        CHECK_FALSE(entry.layer->weight().requires_grad());
    }
}

TEST_CASE("early stop keeps the best epoch, or what there was before") {
    auto config = three_epochs();
    config.tune_grids = true;
    config.early_stop = true;
    const std::vector<int64_t> all{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                   10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
    auto nothing = config;
    nothing.learning_rate = nothing.grid_learning_rate = 1e-8;
    const double before = tuned_divergence(nothing, all);
    CHECK(tuned_divergence(config, all) < before);
    config.learning_rate = config.grid_learning_rate = 1.0;
    CHECK(tuned_divergence(config, all) <= before * 1.0001);
}

TEST_CASE("crops and mixtures of tuning are those of its seed, whatever the number of threads") {
    auto config = three_epochs();
    config.tune_grids = true;
    const double whole = tuned_divergence(config);
    config.crops = true;
    set_torch_threads(1);
    const double cropped = tuned_divergence(config);
    CHECK(cropped != whole);
    set_torch_threads(3);
    CHECK(tuned_divergence(config) == cropped);
    config.mixtures = true;
    const double mixed = tuned_divergence(config);
    CHECK(mixed != cropped);
    set_torch_threads(1);
    CHECK(tuned_divergence(config) == mixed);
}

TEST_CASE("tuning against blocks brings what they hand on closer") {
    const std::string name = GENERATE("demo_vit", "demo_cnn");
    INFO(name);
    const auto networks = networks_of(name);
    const test::MemorySource source(20, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, name, 10, bad);
    const auto pixels = test::pixels_of(pass);
    const double error = block_error(networks, pixels), kl = divergence(networks, pixels);
    tune(networks, pass, NormTuning::full_precision_blocks);
    CHECK(block_error(networks, pixels) < error);
    CHECK(divergence(networks, pixels) < kl);
}

TEST_CASE("trained codes bring the outputs closer than trained grids alone") {
    auto config = three_epochs();
    config.tune_grids = true;
    config.epochs = 12;
    const double without = tuned_divergence(config);
    config.tune_codes = true;
    config.code_learning_rate = 0.01;
    set_torch_threads(1);
    const double with = tuned_divergence(config);
    CHECK(with < without);
    set_torch_threads(3);
    CHECK(tuned_divergence(config) == with);
}

TEST_CASE("trained codes are those of the records") {
    Networks networks{test::hash_network("demo_vit"), test::hash_network("demo_vit")};
    auto layers = test::quantized_layers(*networks.quantized);
    const test::MemorySource source(12, 32, 0);
    BadImages bad(0);
    auto config = three_epochs();
    config.tune_grids = config.tune_codes = true;
    config.code_learning_rate = 0.1;
    const auto parts = test::apply_all(norm_tuning_repair, *networks.original, *networks.quantized,
                                       test::pass_over(source, "demo_vit", 6, bad), config, layers);
    REQUIRE(parts.size() == 2);
    CHECK_THAT(parts[1].details, ContainsSubstring("codes are others"));
    for (std::size_t i = 0; i < layers.size(); ++i) {
        INFO(layers[i].name);
        const auto& weight = networks.quantized->layers()[i].layer->weight();
        const auto expected =
            dequantized(layers[i].bit_code, layers[i].scale, layers[i].zero_point);
        CHECK(torch::equal(weight, expected.view(weight.sizes())));
        CHECK(to_torch(layers[i].bit_code).max().item<int64_t>() <= 3);
    }
}

namespace {

/** A network and its layers' records after tuning. */
struct Tuned {
    std::shared_ptr<Network> network;
    std::vector<LayerRecord> layers;
};

Tuned tuned(const RepairConfig& config, RepairProgress progress = {}) {
    const auto original = test::hash_network("demo_vit");
    Tuned result{test::hash_network("demo_vit"), {}};
    result.layers = test::quantized_layers(*result.network);
    const test::MemorySource source(20, 32, 0);
    BadImages bad(0);
    test::apply_all(norm_tuning_repair, *original, *result.network,
                    test::pass_over(source, "demo_vit", 10, bad), config, result.layers,
                    {0, 1, 2, 3, 4, 5}, /*real_zero_points=*/true, std::move(progress));
    return result;
}

void check_same(const Tuned& a, const Tuned& b) {
    const auto one = a.network->state_dict(), other = b.network->state_dict();
    REQUIRE(one.size() == other.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
        INFO(one[i].first);
        CHECK(torch::equal(one[i].second, other[i].second));
    }
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
        INFO(a.layers[i].name);
        CHECK(torch::equal(to_torch(a.layers[i].bit_code), to_torch(b.layers[i].bit_code)));
        CHECK(torch::equal(to_torch(a.layers[i].scale), to_torch(b.layers[i].scale)));
        CHECK(torch::equal(to_torch(a.layers[i].zero_point), to_torch(b.layers[i].zero_point)));
    }
}

}  // namespace

TEST_CASE("tuning that was killed goes on after its last whole epoch, to the same bits") {
    RepairConfig config;
    config.norm_tuning = NormTuning::full_precision_blocks;
    config.epochs = 4;
    config.crops = config.tune_grids = config.tune_codes = config.early_stop = true;
    config.code_learning_rate = 0.05;
    // With early stop the best epoch may lie before the kill.
    config.learning_rate = GENERATE(1e-3, 0.3);
    const Tuned whole = tuned(config);

    const auto result = test::temporary_folder() / "run.h5";
    const RunIdentity identity{"digest", "config", {}, "program"};
    const auto no_keys = [](const auto&, const auto&) { return std::vector<std::string>{}; };
    int epochs = 0;
    const auto in_journal = [&](RunJournal& journal, int killed_after) {
        return RepairProgress{.load = [&] { return journal.tensors(TensorSet::tuning); },
                              .store =
                                  [&, killed_after](const TensorMap& reached) {
                                      journal.store_tensors(TensorSet::tuning, reached);
                                      if (++epochs == killed_after) throw Interrupted("killed");
                                  }};
    };
    {
        RunJournal journal(result, identity, Leftover::refuse, no_keys);
        CHECK_THROWS_AS(tuned(config, in_journal(journal, 2)), Interrupted);
    }
    epochs = 0;
    RunJournal journal(result, identity, Leftover::resume, no_keys);
    const Tuned resumed = tuned(config, in_journal(journal, 100));
    CHECK(epochs == 2);
    check_same(whole, resumed);

    // All epochs done, but not what came after them.
    check_same(whole, tuned(config, in_journal(journal, 100)));
    CHECK(epochs == 2);
}
