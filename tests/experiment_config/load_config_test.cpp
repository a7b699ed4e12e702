#include "experiment_config/load_config.hpp"

#include "experiment_config/config_files.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("a minimal config has the defaults of the paper's variant") {
    const auto loaded = load(complete_config);
    const auto& config = loaded.config;
    CHECK(config.model.name == "demo_vit");
    CHECK(config.seed == 0);
    CHECK(config.quantization.preset == Preset::paper);
    CHECK(config.quantization.sweeps == 4);
    CHECK(config.quantization.order == Order::greedy);
    CHECK(config.quantization.scale_update == ScaleUpdate::closed_form);
    CHECK(config.evaluation.images == std::nullopt);
    CHECK(config.output.file == std::filesystem::current_path() / "results/test.h5");
    CHECK(loaded.origin("model.name") == "test.yaml:1");
    CHECK(loaded.origin("quantization.sweeps") == "preset paper");
    CHECK(loaded.origin("quantization.bits") == "default");
}

TEST_CASE("a stored config that can't be read is one line about its file") {
    CHECK(load_stored_config(complete_config, "run.h5").model.name == "demo_vit");
    for (const char* text : {"seed: [", "seed: 3: 4\n", "seed: many\nmodel: {name: [demo]}\n"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(load_stored_config(text, "run.h5"), InputError);
        CHECK_THROWS_WITH(load_stored_config(text, "run.h5"),
                          ContainsSubstring("run.h5:") && !ContainsSubstring("\n") &&
                              ContainsSubstring("the config that the run stored"));
    }
}

TEST_CASE("precedence: default < preset < fragments in order < file < overrides in order") {
    const ConfigFolder folder;
    folder.write("first.yaml", "quantization: {preset: paper, sweeps: 11, bits: 5, scalar: 0.5}\n");
    folder.write("second.yaml", "quantization: {bits: 6, scalar: 0.6}\n");
    const auto file = folder.write("main.yaml", complete_config +
                                                    "defaults: [first, second]\n"
                                                    "quantization: {scalar: 0.7, preset: "
                                                    "authors_code}\n");
    const auto loaded = load_config(file, {"quantization.granularity=per_layer", "seed=1",
                                           "quantization={granularity: per_channel}", "seed=2"});
    const auto& quantization = loaded.config.quantization;
    // Of the preset the last document names, whatever the fragments say.
    CHECK(quantization.preset == Preset::authors_code);
    CHECK(quantization.scale_update == ScaleUpdate::none);
    CHECK(quantization.sweeps == 11);
    CHECK(quantization.bits == 6);
    CHECK(quantization.scalar == 0.7);
    CHECK(quantization.granularity == Granularity::per_channel);
    CHECK(loaded.config.seed == 2);

    CHECK(loaded.origin("quantization.scale_update") == "preset authors_code");
    CHECK(loaded.origin("quantization.sweeps") == (folder.path() / "first.yaml").string() + ":1");
    CHECK(loaded.origin("quantization.bits") == (folder.path() / "second.yaml").string() + ":1");
    CHECK(loaded.origin("quantization.scalar") == file.string() + ":4");
    CHECK(loaded.origin("seed") == "command line: seed=2");
    CHECK(loaded.files.size() == 3);
}

TEST_CASE("a preset on the command line brings its values") {
    const auto loaded = load(complete_config, {"quantization.preset=authors_code"});
    CHECK(loaded.config.quantization.sweeps == 1);
    CHECK(loaded.config.quantization.scale_update == ScaleUpdate::none);
    const auto kept =
        load(complete_config, {"quantization.sweeps=3", "quantization.preset=authors_code"});
    CHECK(kept.config.quantization.sweeps == 3);
}

TEST_CASE("all that is wrong is said at once, a line each") {
    const std::string message = error_of(
        "model: {name: x, weight: y}\n"
        "data: {layout: demo}\n"
        "quantization:\n"
        "  bits: 9\n"
        "  ordre: greedy\n"
        "  bits: 4\n"
        "resources: {memory: 8}\n",
        {"quantization.sweeps=many", "quantization.bit=3"});
    CHECK(message ==
          "test.yaml:6: key 'quantization.bits': is given twice, first at line 4\n"
          "test.yaml:1: key 'model.weight': unknown key (nearest known: 'model.weights')\n"
          "test.yaml:4: key 'quantization.bits': expected integer, 2 to 8, not '9'\n"
          "test.yaml:5: key 'quantization.ordre': unknown key (nearest known: "
          "'quantization.order')\n"
          "test.yaml:7: key 'resources.memory': expected size with a unit, like 8GB or 500MiB, at "
          "least 64MB, not '8'\n"
          "command line: quantization.sweeps=many: key 'quantization.sweeps': expected integer, 1 "
          "to 1000, not 'many'\n"
          "command line: quantization.bit=3: key 'quantization.bit': unknown key (nearest known: "
          "'quantization.bits')");
}

TEST_CASE("preprocessing is given a field at a time") {
    const auto config = load(
                            "model: {name: x, preprocessing: {resize: 0, interpolation: bicubic, "
                            "mean: [0.5, 0.25, 0.125]}}\ndata: {layout: demo}\n")
                            .config.model.preprocessing;
    CHECK(config.resize == 0);
    CHECK_FALSE(config.crop);
    CHECK(config.interpolation == Interpolation::bicubic);
    CHECK(config.mean == std::array<float, 3>{0.5F, 0.25F, 0.125F});
    CHECK(
        error_of("model: {name: x, preprocessing: {std: [1, a, 2]}}\ndata: {layout: demo}\n") ==
        "test.yaml:1: key 'model.preprocessing.std': expected a list of 3 numbers, for red, green "
        "and blue, not a list");
}

TEST_CASE("two keys that say the same of the preprocessing are named") {
    CHECK(error_of("model: {name: x, preprocessing: {resize: 9, crop_pct: 0.9}}\n"
                   "data: {layout: demo}\n") ==
          "test.yaml:1: key 'model.preprocessing.crop_pct': model.preprocessing.resize says how "
          "long images become; take out one of them");
    CHECK(error_of("model: {name: x, preprocessing: {crop: 9, input_size: 9}}\n"
                   "data: {layout: demo}\n") ==
          "test.yaml:1: key 'model.preprocessing.input_size': model.preprocessing.crop says how "
          "large images are; take out one of them");
}

TEST_CASE("missing keys are named") {
    CHECK(error_of("data: {layout: demo}\n") ==
          "test.yaml:1: key 'model.name': is required: the name of a model, unless model.program "
          "names a .pt2 file of torch.export.save");
    CHECK(error_of("model: {name: x, program: net.pt2}\ndata: {layout: demo}\n") ==
          "test.yaml:1: key 'model.program': model.name names another network; take out one of "
          "them (model.name=null)");
    CHECK(error_of("model: {name: x}\n") ==
          "test.yaml:1: key 'data.evaluation': is required unless data.layout is demo\n"
          "test.yaml:1: key 'data.calibration': is required unless data.layout is demo");
    CHECK(error_of("model: {name: x}\ndata: {calibration: a}\n", {"data.evaluation=null"})
              .find("command line: data.evaluation=null: key 'data.evaluation'") == 0);
    CHECK_NOTHROW(load("model: {program: net.pt2}\ndata: {layout: demo}\n"));
    // Evaluation alone needs no calibration images.
    CHECK_NOTHROW(load("model: {name: x}\ndata: {evaluation: a}\n", {"quantization.method=none"}));
}

TEST_CASE("keys that do not go together are named before anything runs") {
    const auto refused = [](const std::vector<std::string>& overrides, const std::string& line) {
        CAPTURE(line);
        CHECK_THAT(error_of(complete_config, overrides), ContainsSubstring(line));
    };
    const std::string quantized = "calibration.inputs=quantized";
    const std::string on_line = "command line: " + quantized + ": key 'calibration.inputs': ";
    const std::string whole = "test.yaml:1: key ";
    refused({quantized}, whole +
                             "'calibration.propagation': without a strength the best is chosen "
                             "on held-out images; give one, or set calibration.holdout");
    refused({quantized, "calibration.propagation=1", "calibration.rows_per_image=4"},
            on_line + "quantized inputs do not go with calibration.rows_per_image");
    refused({quantized, "calibration.holdout=8", "calibration.precision=bfloat16"},
            on_line + "quantized inputs do not go with calibration.precision");
    refused({quantized, "calibration.propagation=1", "quantization.average_bits=3",
             "quantization.bits_criterion=layer_error"},
            "command line: quantization.average_bits=3: key 'quantization.average_bits': errors "
            "are measured on full-precision inputs");
    refused({"calibration.residual_targets=true"},
            "key 'calibration.residual_targets': a stream loses something only in a network whose "
            "earlier layers are quantized; set calibration.inputs=quantized");
    refused({quantized, "calibration.propagation=1", "calibration.residual_targets=true"},
            "'calibration.residual_strength': without a strength the best is chosen on held-out "
            "images; give one, or set calibration.holdout");
    refused({quantized, "calibration.holdout=8", "calibration.residual_targets=true",
             "calibration.propagation_criterion=layer_output"},
            "'calibration.residual_strength': without a strength the best is chosen by "
            "predictions; give one, or set calibration.propagation_criterion=logits");
    refused({"calibration.residual_strength=1"},
            "key 'calibration.residual_strength': no layer has a residual target; set "
            "calibration.residual_targets, or take this out");
    refused({"calibration.weighting=fisher", "calibration.rows_per_image=4"},
            "key 'calibration.weighting': all rows of an image are weighted");
    refused({quantized, "calibration.holdout=8", "calibration.output_coupling=0.9"},
            "key 'calibration.output_coupling': couplings come from the gradients that weight "
            "rows; set calibration.weighting=fisher");
    refused({"calibration.weighting=fisher", "calibration.output_coupling=0.9"},
            "key 'calibration.output_coupling': layers are coupled one after the other; set "
            "calibration.inputs=quantized");
    refused({quantized, "calibration.holdout=8", "calibration.weighting=fisher",
             "calibration.output_coupling=0.9", "quantization.granularity=per_layer"},
            "key 'calibration.output_coupling': channels are solved a few at a time");
    refused({"calibration.passes=2", "calibration.holdout=8"},
            "key 'calibration.passes': in a second pass only layers fitted to quantized inputs");
    refused({quantized, "calibration.propagation=0.5", "calibration.passes=2"},
            "key 'calibration.passes': whether a layer keeps what a second pass finds is judged");
    refused({"repair.norm_tuning=full_precision_logits", "repair.tune_codes=true"},
            "key 'repair.tune_codes': codes are trained with their grids; set repair.tune_grids");
    refused({"repair.norm_tuning=labels", "repair.mixtures=true"},
            "key 'repair.mixtures': a mixture has no label");
    refused({"repair.mixtures=true"}, "key 'repair.mixtures': nothing is tuned");
    refused({"repair.fold_batch_norm=true", "repair.reestimate_batch_norm=true"},
            "key 'repair.reestimate_batch_norm': a folded BatchNorm has no statistics left");
    refused({"repair.norm_refit=true"},
            "key 'repair.norm_refit': how far a refit goes is chosen on held-out images");
    CHECK_NOTHROW(load(complete_config, {quantized, "calibration.holdout=8"}));
    CHECK_NOTHROW(load(complete_config, {quantized, "calibration.propagation=0.5"}));
    CHECK_NOTHROW(load(complete_config,
                       {quantized, "calibration.holdout=8", "calibration.residual_targets=true"}));
    CHECK_NOTHROW(load(complete_config,
                       {quantized, "calibration.propagation=1", "calibration.residual_targets=true",
                        "calibration.residual_strength=1"}));
    CHECK_NOTHROW(load(complete_config, {"repair.output_refit=true", "calibration.holdout=8"}));
}

TEST_CASE("rounding of layer inputs is off by default and checked key by key") {
    const auto off = load(complete_config).config.activations;
    CHECK_FALSE(off.bits.has_value());
    CHECK_FALSE(off.calibrated());
    const auto loaded = load(complete_config, {"activations.bits=8", "activations.symmetric=true"});
    CHECK(loaded.config.activations.calibrated());
    CHECK(error_of(complete_config,
                   {"activations.bit=8", "activations.bits=9", "activations.percentile=50"}) ==
          "command line: activations.bit=8: key 'activations.bit': unknown key (nearest known: "
          "'activations.bits')\n"
          "command line: activations.bits=9: key 'activations.bits': expected integer, 2 to 8, "
          "not '9'\n"
          "command line: activations.percentile=50: key 'activations.percentile': expected number, "
          "90 to 100, not '50'");
    // Ranges of the inputs come from calibration images, unless they are found at run time.
    const std::string evaluation_only = "model: {name: x}\ndata: {evaluation: a}\n";
    CHECK(error_of(evaluation_only, {"quantization.method=none", "activations.bits=8"})
              .find("'data.calibration': is required") != std::string::npos);
    CHECK_NOTHROW(load(evaluation_only, {"quantization.method=none", "activations.bits=8",
                                         "activations.granularity=per_token"}));
}

TEST_CASE("layer rules are read and checked one by one") {
    const auto loaded =
        load(complete_config, {"quantization.layers=[{match: \"blocks.0.*\", bits: 8}, {match: "
                               "head, quantize: true}]"});
    const auto& rules = loaded.config.quantization.layers;
    REQUIRE(rules.size() == 2);
    CHECK(rules[0].match == "blocks.0.*");
    CHECK(rules[0].bits == 8);
    CHECK_FALSE(rules[0].quantize.has_value());
    CHECK(rules[1].quantize == true);

    const auto kinds =
        load(complete_config, {"quantization.layers=[{kind: depthwise, blocks: 0-3, bits: 8}, "
                               "{position: last, quantize: false}, {blocks: 2, bits: 3}]"})
            .config.quantization.layers;
    CHECK(kinds.at(0).kind == LayerKind::depthwise);
    CHECK(kinds[0].blocks->first == 0);
    CHECK(kinds[0].blocks->last == 3);
    CHECK(kinds[1].position == LayerPosition::last);
    CHECK(kinds[2].blocks->last == 2);
    CHECK(error_of(complete_config, {"quantization.layers=[{blocks: 3-1, bits: 8}]"})
              .find("expected a block or a range of blocks like 0-3") != std::string::npos);

    const std::string message = error_of(complete_config +
                                         "quantization:\n"
                                         "  layers:\n"
                                         "    - {match: a}\n"
                                         "    - {bits: 12}\n"
                                         "    - {match: b, quantize: false, bits: 4}\n"
                                         "    - {match: c, bit: 4}\n");
    CHECK(message.find("test.yaml:5: key 'quantization.layers[0]': changes nothing") == 0);
    CHECK(message.find("test.yaml:6: key 'quantization.layers[1].bits': expected integer, 2 to 8, "
                       "not '12'") != std::string::npos);
    CHECK(message.find("test.yaml:6: key 'quantization.layers[1]': names no layers: give") !=
          std::string::npos);
    CHECK(message.find("test.yaml:7: key 'quantization.layers[2]': gives 'bits' to layers it "
                       "leaves unquantized") != std::string::npos);
    CHECK(message.find("test.yaml:8: key 'quantization.layers[3].bit': unknown key (nearest "
                       "known: 'bits')") != std::string::npos);
}

TEST_CASE("names of models, methods and layouts are checked where they are known") {
    const ConfigFolder folder;
    const auto file = folder.write("c.yaml", complete_config);
    LoadOptions options;
    options.known = {{"demo_vit", "demo_cnn"}, {"comq", "rtn", "none"}};
    CHECK_NOTHROW(load_config(file, {}, options));
    CHECK_THROWS_WITH(
        load_config(file, {"model.name=demo_vti", "quantization.method=qomc"}, options),
        "command line: model.name=demo_vti: key 'model.name': expected demo_vit | demo_cnn, not "
        "'demo_vti' (nearest known: 'demo_vit')\n"
        "command line: quantization.method=qomc: key 'quantization.method': expected comq | rtn | "
        "none, not 'qomc' (nearest known: 'comq')");
    options.known.layouts = {"imagefolder", "demo"};
    CHECK(load_config(file, {"data.layout=demo"}, options).config.data.embedded());
    CHECK_THROWS_WITH(
        load_config(file, {"data.layout=imagefolders"}, options),
        "command line: data.layout=imagefolders: key 'data.layout': expected imagefolder | "
        "demo, not 'imagefolders' (nearest known: 'imagefolder')");
}

TEST_CASE("devices and digests have a form") {
    for (const char* device : {"cpu", "cuda", "cuda:1"}) {
        CHECK(load(complete_config, {std::string("device=") + device}).config.device == device);
    }
    for (const char* device : {"gpu", "cuda:", "cuda:x", "cuda:-1", "[cpu]"}) {
        CHECK(error_of(complete_config, {std::string("device=") + device})
                  .find("key 'device': expected cpu | cuda | cuda:N") != std::string::npos);
    }
    const std::string digest(64, 'a');
    CHECK(load(complete_config, {"model.sha256=" + digest}).config.model.sha256 == digest);
    CHECK(load(complete_config, {"model.sha256=null"}).config.model.sha256.empty());
    CHECK(error_of(complete_config, {"model.sha256=abc"})
              .find("expected 64 lower-case hexadecimal digits, not 'abc'") != std::string::npos);
}

TEST_CASE("files that can't be configs end in one line") {
    const ConfigFolder folder;
    CHECK_THROWS_WITH(load_config(folder.path() / "none.yaml"),
                      ContainsSubstring("none.yaml: no such file"));
    CHECK_THROWS_WITH(load_config(folder.write("e.yaml", "")), ContainsSubstring("is empty"));
    CHECK_THROWS_WITH(load_config(folder.write("l.yaml", "[1]")),
                      ContainsSubstring("l.yaml:1: expected 'key: value' lines, not a list"));
    CHECK_THROWS_WITH(load_config(folder.write("b.yaml", std::string("\x89PNG\r\n\x1a\n\0", 9))),
                      ContainsSubstring("b.yaml:"));
    CHECK(error_of("") == "test.yaml:1: expected 'key: value' lines, not nothing");
    CHECK(error_of("quantization: 4\n") ==
          "test.yaml:1: key 'quantization': is a section: expected keys below it, not '4'");
}
