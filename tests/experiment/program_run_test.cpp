#include <algorithm>

#include "core/errors.hpp"
#include "experiment/list_layers.hpp"
#include "experiment/restore_network.hpp"
#include "experiment/run_plan.hpp"
#include "experiment/runs.hpp"
#include "experiment/setup.hpp"
#include "networks/exported_programs.hpp"
#include "results/run_file.hpp"
#include "storage/safetensors.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"
#include "weights/checkpoint.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

Words joined(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

/** The overrides that put a program in the place of a config's network. */
Words as_program(const fs::path& program) {
    return {"model.name=null", "model.program=" + program.string()};
}

/** The same for a demo network, with its weights. */
Words as_program(const fs::path& programs, const std::string& name) {
    std::string file = name;
    std::erase(file, '_');
    return joined(as_program(programs / (file + ".pt2")),
                  {"model.weights=" +
                   (source_dir() / "datasets" / "demo" / (name + ".safetensors")).string()});
}

void check_equal(const RunRecord& family, const RunRecord& program) {
    CHECK(family.full_precision->prediction == program.full_precision->prediction);
    CHECK(family.quantized->prediction == program.quantized->prediction);
    REQUIRE(family.layers.size() == program.layers.size());
    for (const LayerRecord& layer : family.layers) {
        INFO(layer.name);
        const auto same = std::ranges::find(program.layers, layer.name, &LayerRecord::name);
        REQUIRE(same != program.layers.end());
        CHECK(std::ranges::equal(layer.bit_code.bytes(), same->bit_code.bytes()));
        CHECK(std::ranges::equal(layer.scale.bytes(), same->scale.bytes()));
        CHECK(std::ranges::equal(layer.zero_point.bytes(), same->zero_point.bytes()));
        CHECK(layer.relative_error == same->relative_error);
    }
}

/** Every layer that a config quantizes by default, with a smaller error than rounding leaves. */
void check_quantized(const fs::path& programs, int images) {
    for (const std::string& name : names_of_programs(programs)) {
        INFO(name);
        const Words overrides =
            joined(as_program(programs / (name + ".pt2")),
                   {"evaluation.images=8", "evaluation.allow_chance=true",
                    "calibration.images=" + std::to_string(images), "quantization.sweeps=1"});
        const auto loaded = shipped_config("demo_vit_4bit", temporary_folder(), overrides);
        const auto network = load_model(loaded.config.model, torch::kCPU).network;
        const RunRecord run = run_experiment(loaded, {Leftover::refuse, {}});
        CHECK(std::ranges::count_if(network->layers(), [](const auto& entry) {
                  return entry.quantized_by_default;
              }) == std::ssize(run.layers));
        for (const LayerRecord& layer : run.layers) {
            INFO(layer.name);
            CHECK(layer.bits == 4);
            CHECK(layer.relative_error < layer.rtn_relative_error);
        }
    }
}

}  // namespace

TEST_CASE("a network gives the same codes as a program and as a family") {
    COMQ_NEED_PROGRAMS(programs);
    const fs::path family = temporary_folder(), program = temporary_folder();
    const Words common{"evaluation.images=100", "calibration.images=24", "calibration.holdout=8",
                       "quantization.bits=3"};
    const auto compare = [&](const std::string& network, const Words& more) {
        INFO(network);
        const std::string config = network + "_4bit";
        const Words overrides = joined(common, more);
        check_equal(run_shipped(config, family, overrides),
                    run_shipped(config, program, joined(overrides, as_program(programs, network))));
        fs::remove(family / (config + ".h5"));
        fs::remove(program / (config + ".h5"));
    };
    compare("demo_cnn", {});
    compare("demo_cnn", {"repair.fold_batch_norm=true", "repair.bias_correction=true"});
    compare("demo_vit", {"quantization.granularity=per_group", "quantization.group_size=32"});
    compare("demo_vit", {"calibration.weighting=fisher", "repair.norm_refit=true"});
    for (const std::string network : {"demo_cnn", "demo_vit"}) {
        compare(network, {"calibration.inputs=quantized", "calibration.residual_targets=true"});
    }
}

TEST_CASE("networks of comq's families with real weights give the same codes as programs") {
    COMQ_NEED_ASSETS(assets);
    COMQ_NEED_EXPORTED("families", programs);
    setenv("COMQ_ASSETS", assets.c_str(), 1);
    const fs::path family = temporary_folder(), program = temporary_folder();
    const auto compare = [&](const std::string& network, const std::string& config,
                             const Words& more) {
        INFO(network);
        const Words overrides = joined({"evaluation.images=16", "calibration.images=8",
                                        "quantization.bits=3", "evaluation.allow_chance=true"},
                                       more);
        const Words exported = as_program(programs / (network + ".pt2"));
        check_equal(run_shipped(config, family, overrides),
                    run_shipped(config, program, joined(overrides, exported)));
    };
    compare("deit_tiny_patch16_224", "deit_tiny_4bit", {});
    compare("squeezenet1_1", "squeezenet_4bit", {});
    for (const std::string depth : {"20", "32", "56"}) {
        compare("cifar10_resnet" + depth, "cifar_resnet" + depth + "_4bit", {});
    }
    // Its real weights are not among the assets.
    compare("efficientnet_lite0", "efficientnet_lite0_4bit",
            {"model.weights=" + (programs / "efficientnet_lite0.pth").string()});
}

TEST_CASE("real weights in a network that no family knows give the codes of their family") {
    COMQ_NEED_ASSETS(assets);
    setenv("COMQ_ASSETS", assets.c_str(), 1);
    COMQ_NEED_EXPORTED("encoder", programs);
    const fs::path folder = temporary_folder(), other = temporary_folder();
    const Words images{"evaluation.images=16", "calibration.images=8", "quantization.bits=3",
                       "evaluation.allow_chance=true"};
    const auto family = run_shipped("deit_tiny_4bit", folder, images);
    const auto program = run_shipped(
        "deit_tiny_4bit", other,
        joined(images, joined(as_program(programs / "encoder.pt2"), {"model.weights=null"})));
    CHECK(family.full_precision->prediction == program.full_precision->prediction);
    CHECK(family.quantized->prediction == program.quantized->prediction);
    REQUIRE(family.layers.size() == program.layers.size());
    int64_t channels = 0, different = 0;
    for (std::size_t i = 0; i < family.layers.size(); ++i) {
        const auto ours = family.layers[i].bit_code.bytes();
        const auto theirs = program.layers[i].bit_code.bytes();
        REQUIRE(ours.size() == theirs.size());
        const auto m = static_cast<std::size_t>(family.layers[i].in_features);
        for (std::size_t first = 0; first < ours.size(); first += m) {
            ++channels;
            different += !std::ranges::equal(ours.subspan(first, m), theirs.subspan(first, m));
        }
    }
    // PyTorch's encoder multiplies by other kernels. A Gram's last bits may decide between two
    // equally good solutions of a channel, whose codes then differ in many places: none did with
    // MKL's kernels for Intel's CPUs, one with those for AMD's (EPYC, 2026-11).
    CHECK(different * 10'000 <= channels);
}

TEST_CASE("networks of every kind are quantized as programs") {
    COMQ_NEED_PROGRAMS(programs);
    check_quantized(programs, 32);
}

TEST_CASE("networks of timm are quantized as programs") {
    COMQ_NEED_EXPORTED("timm", programs);
    check_quantized(programs, 8);
}

TEST_CASE("a program runs from its archive alone, resumes by content and is restored") {
    COMQ_NEED_PROGRAMS(programs);
    const fs::path folder = temporary_folder();
    const fs::path file = folder / "mine.pt2";
    fs::copy_file(programs / "demovit.pt2", file);
    const Words overrides{"model.name=null",
                          "model.program=" + file.string(),
                          "evaluation.images=50",
                          "calibration.images=8",
                          "quantization.method=rtn",
                          "evaluation.allow_chance=true",
                          "calibration.inputs=full_precision"};
    const RunRecord run = run_shipped("demo_vit_4bit", folder, overrides);
    CHECK(run.layers.size() == 20);

    const fs::path moved = folder / "moved.pt2";
    fs::rename(file, moved);
    const auto record = read_run_file(folder / "demo_vit_4bit.h5", ReadScope::everything);
    const LoadedModel restored = restore_network(record, "demo_vit_4bit.h5", {.weights = moved});
    CHECK(restored.description->name == "moved");
    CHECK(restored.network->layers().size() == 22);
    CHECK_THROWS_AS(
        restore_network(record, "demo_vit_4bit.h5", {.weights = programs / "democnn.pt2"}),
        InputError);

    // The same content from elsewhere is the same run.
    const auto identity = [&](const Words& model) {
        const auto loaded = shipped_config("demo_vit_4bit", folder, model);
        return run_keys(loaded.config, load_model(loaded.config.model, torch::kCPU),
                        open_images(loaded.config))
            .identity;
    };
    const auto digest = [&](const fs::path& program) {
        return identity({"model.name=null", "model.program=" + program.string()}).digest;
    };
    CHECK(digest(moved) == digest(programs / "demovit.pt2"));
    CHECK(digest(moved) != digest(programs / "transformer.pt2"));
    // With other weights the graph counts beside them.
    const auto content = identity(as_program(programs, "demo_vit")).content;
    CHECK(content.at("program") == checkpoint_sha256(programs / "demovit.pt2"));
    CHECK(content.at("checkpoint") != content.at("program"));
}

TEST_CASE("a program's other weights may stand below a prefix") {
    COMQ_NEED_PROGRAMS(programs);
    const fs::path folder = temporary_folder();
    const auto weights = source_dir() / "datasets" / "demo" / "demo_vit.safetensors";
    const TensorMap plain = read_checkpoint(weights);
    ModelConfig config =
        shipped_config("demo_vit_4bit", folder, as_program(programs, "demo_vit")).config.model;
    config.weights = folder / "w.safetensors";
    const auto load = [&](const TensorMap& tensors) {
        write_safetensors(config.weights, tensors);
        return load_model(config, torch::kCPU);
    };
    const auto below = [&](const std::string& prefix, TensorMap tensors) {
        for (const auto& [name, tensor] : plain) tensors[prefix + name] = tensor;
        return tensors;
    };
    for (const std::string prefix : {"", "module.", "model.", "state_dict.net."}) {
        INFO(prefix);
        const auto tensors = load(below(prefix, {})).network->state_dict();
        const auto head = std::ranges::find(tensors, "head.weight",
                                            [](const auto& entry) { return entry.first; });
        REQUIRE(head != tensors.end());
        CHECK(torch::equal(head->second, to_torch(plain.at("head.weight"))));
    }
    CHECK_NOTHROW(load(below("model.", {{"criterion.weight", plain.at("head.bias")}})));
    CHECK_THROWS_WITH(load(below("ema.", below("model.", {}))),
                      ContainsSubstring("holds several networks") &&
                          ContainsSubstring("ema., model.; choose one by model.state_dict"));
    TensorMap short_of_one = below("model.", {});
    short_of_one.erase("model.head.bias");
    CHECK_THROWS_WITH(load(short_of_one), ContainsSubstring("not a checkpoint of demovit"));
}

TEST_CASE("a program with other weights is restored from its own two files only") {
    COMQ_NEED_PROGRAMS(programs);
    const fs::path folder = temporary_folder();
    fs::copy_file(programs / "demovit.pt2", folder / "demovit.pt2");
    run_shipped("demo_vit_4bit", folder,
                joined({"evaluation.images=50", "calibration.images=8", "quantization.method=rtn"},
                       as_program(folder, "demo_vit")));
    const auto record = read_run_file(folder / "demo_vit_4bit.h5", ReadScope::everything);
    CHECK(record.provenance.program_sha256 == checkpoint_sha256(programs / "demovit.pt2"));
    fs::remove(folder / "demovit.pt2");
    CHECK(restore_network(record, "run.h5", {.program = programs / "demovit.pt2"})
              .network->layers()
              .size() == 22);
    CHECK_THROWS_WITH(
        restore_network(record, "run.h5", {.program = programs / "copies" / "demovit.pt2"}),
        ContainsSubstring("is not the program of run.h5") && ContainsSubstring("--program"));
}

TEST_CASE("the layers of any network are listed with what becomes of them") {
    COMQ_NEED_PROGRAMS(programs);
    const auto listed = [&](const Words& overrides) {
        return list_layers(shipped_config("demo_vit_4bit", temporary_folder(), overrides).config);
    };
    const std::string shared =
        listed({"model.name=null", "model.program=" + (programs / "shared.pt2").string()});
    CHECK_THAT(shared, ContainsSubstring("twice") && ContainsSubstring("4 bits") &&
                           ContainsSubstring("kept by default") &&
                           ContainsSubstring("can't be quantized: its weight is used") &&
                           ContainsSubstring("3 of 4 layers of shared are quantized"));
    CHECK_THAT(listed({}), ContainsSubstring("blocks.0.attn.qkv ") &&
                               ContainsSubstring("20 of 22 layers of demo_vit are quantized"));
}
