// What a checkpoint, the file beside it, its name and its config decide of a network.
#include "networks/open_model.hpp"

#include <algorithm>
#include <fstream>

#include "core/errors.hpp"
#include "hash_weights.hpp"
#include "networks/describe_model.hpp"
#include "networks/load.hpp"
#include "networks/published_checkpoints.hpp"
#include "storage/safetensors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"
#include "weights/key_map.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

Preprocessing prepared_as(const std::string& name, const PreprocessingConfig& given = {}) {
    ModelConfig config;
    config.name = name;
    config.preprocessing = given;
    return describe_published(config).preprocessing;
}

/** The tensors of a member of the registry of that size. */
TensorMap tensors_of(const std::string& name, const NetworkSize& size) {
    const auto network = find_model(name).factory(size);
    test::set_hash_weights(*network);
    TensorMap tensors;
    for (const auto& [key, tensor] : network->state_dict()) tensors[key] = to_host(tensor.detach());
    return tensors;
}

ModelConfig config_of(const std::string& name, const fs::path& weights) {
    ModelConfig config;
    config.name = name;
    config.weights = weights;
    return config;
}

fs::path saved(const TensorMap& tensors, const std::string& name = "w.safetensors") {
    const fs::path file = test::temporary_folder() / name;
    write_safetensors(file, tensors);
    return file;
}

void write_text(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

/** Compares every LayerNorm's output with the formula of arXiv 1607.06450 in double precision. */
class FormulaTap : public Tap {
  public:
    explicit FormulaTap(double eps) : eps_(eps) {}
    torch::Tensor on_input(const Observable& /*observed*/, const torch::Tensor& input) override {
        input_ = input;
        return input;
    }
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        if (observed.kind() != ObservableKind::layer_norm) return;
        const torch::Tensor x = input_.to(torch::kDouble);
        const torch::Tensor centred = x - x.mean(-1, true);
        const torch::Tensor expected =
            centred / (centred.square().mean(-1, true) + eps_).sqrt() * observed.weight() +
            observed.bias();
        largest = std::max(largest, test::relative_difference(output, expected));
        ++norms;
    }
    double largest = 0.0;
    int norms = 0;

  private:
    double eps_;
    torch::Tensor input_;
};

/** The network of a config gets its weights. */
void check_loads(const ModelConfig& config) {
    const ModelWithWeights model = open_model(config);
    CHECK_NOTHROW(load_parameters(*model.description->make(), model.tensors, "file"));
}

}  // namespace

TEST_CASE("a published checkpoint has its publisher's preprocessing") {
    CHECK(prepared_as("resnet50").describe().starts_with("resize 256 bilinear, crop 224, "));
    for (const char* name : {"resnet50.a1_in1k", "timm/resnet50.a1_in1k", "timm/resnet50"}) {
        INFO(name);
        CHECK(prepared_as(name).describe().starts_with("resize 235 bicubic, crop 224, "));
    }
    CHECK(prepared_as("torchvision/resnet50").resize == 232);  // its default is V2
    CHECK(prepared_as("resnet50.IMAGENET1K_V1") == prepared_as("resnet50"));
    const Preprocessing large = prepared_as("vit_base_patch16_384");
    CHECK(large.describe() ==
          "resize 384 bicubic, crop 384, mean [0.5, 0.5, 0.5], std [0.5, 0.5, 0.5]");
    CHECK(prepared_as("swin_t").resize == 232);
    CHECK(prepared_as("mobilenetv2_100").interpolation == Interpolation::bicubic);
}

TEST_CASE("the numbers of the registry are those of the table") {
    for (const ModelDescription& model : model_registry()) {
        const PublishedCheckpoint* known = find_published(model.checkpoint);
        if (known == nullptr || model.checkpoint != known->name) continue;
        INFO(model.name);
        CHECK(known->model == model.name);
        CHECK(known->top1 == model.expected_top1);
        CHECK(prepared_as(known->name) == model.preprocessing);
    }
    for (const PublishedCheckpoint& known : published_checkpoints()) {
        INFO(known.name);
        CHECK(registered_model(known.model) != nullptr);
        for (const std::string& digits : known.digests) CHECK(digits.size() >= 8);
    }
}

TEST_CASE("every network of ImageNet has an expected Top-1") {
    for (const ModelDescription& model : model_registry()) {
        INFO(model.name);
        CHECK((model.data_set != "imagenet" || model.expected_top1.has_value()));
    }
}

TEST_CASE("input_size keeps the publisher's proportion, crop alone does not") {
    CHECK(prepared_as("resnet50.a1_in1k", {.input_size = 288}).resize == 303);
    CHECK(prepared_as("resnet50", {.input_size = 288}).resize == 329);
    CHECK(prepared_as("resnet50", {.crop = 240}).resize == 256);
    CHECK(prepared_as("resnet50", {.crop_pct = 0.95}).resize == 235);
    CHECK(prepared_as("resnet50", {.crop_pct = 1.0, .input_size = 256}).resize == 256);
    CHECK(prepared_as("resnet50", {.resize_mode = ResizeMode::squash}).resize_mode ==
          ResizeMode::squash);
}

TEST_CASE("the classifier says how many classes there are") {
    const auto file = saved(tensors_of("squeezenet1_1", {.classes = 7}));
    const auto model = open_model(config_of("squeezenet1_1", file)).description;
    CHECK(model->classes == 7);
    CHECK_FALSE(model->expected_top1.has_value());
    check_loads(config_of("squeezenet1_1", file));
    CHECK(describe_model(config_of("squeezenet1_1", file))->classes == 7);
    CHECK(describe_model(config_of("squeezenet1_1", "/nowhere"))->classes == 1000);
}

TEST_CASE("the position embedding says for how large images the network is") {
    const auto file = saved(tensors_of("deit_tiny_patch16_224", {.classes = 3, .image_size = 96}));
    ModelConfig config = config_of("deit_tiny_patch16_224", file);
    const auto model = open_model(config).description;
    CHECK(model->preprocessing.crop == 96);
    CHECK(model->preprocessing.resize == 106);  // as 224 of 248
    CHECK_THAT(model->preprocessing_origin, ContainsSubstring("at the 96 pixels"));
    check_loads(config);

    config.preprocessing.input_size = 224;
    CHECK_THROWS_WITH(open_model(config),
                      ContainsSubstring("is for images of 96 × 96 pixels, not 224") &&
                          ContainsSubstring("model.preprocessing.input_size=96"));
    config.preprocessing.input_size = 100;
    config.resample_positions = true;
    CHECK_THROWS_WITH(open_model(config).description->make(),
                      ContainsSubstring("not made of patches of 16"));
}

TEST_CASE("a position embedding is resampled on request only, and that is noted") {
    TensorMap tensors = tensors_of("deit_tiny_patch16_224", {.classes = 3, .image_size = 96});
    const torch::Tensor token = to_torch(tensors.at("pos_embed")).slice(1, 0, 1).clone();
    tensors["pos_embed"] = to_host(torch::cat({token, torch::full({1, 36, 192}, 0.5F)}, 1));
    ModelConfig config = config_of("deit_tiny_patch16_224", saved(tensors));
    config.resample_positions = true;
    CHECK(open_model(config).description->resampled_positions.empty());
    config.preprocessing.input_size = 192;
    const ModelWithWeights model = open_model(config);
    CHECK(model.description->resampled_positions == "from 6 × 6 to 12 × 12 patches");
    const torch::Tensor after = to_torch(model.tensors.at("pos_embed"));
    REQUIRE(after.sizes() == torch::IntArrayRef{1, 145, 192});
    CHECK(torch::equal(after.slice(1, 0, 1), token));
    CHECK(torch::allclose(after.slice(1, 1), torch::full({1, 144, 192}, 0.5F)));
    check_loads(config);
}

TEST_CASE("Swin's windows say what sizes there are") {
    const auto file = saved(tensors_of("swin_tiny_patch4_window7_224",
                                       {.classes = 2, .image_size = 384, .window = 12}));
    ModelConfig config = config_of("swin_tiny_patch4_window7_224", file);
    CHECK(open_model(config).description->preprocessing.crop == 384);
    check_loads(config);
    config.preprocessing.input_size = 224;
    CHECK_THROWS_WITH(open_model(config).description->make(),
                      ContainsSubstring("choose a multiple of 384"));
}

TEST_CASE("metadata beside the weights go before what a name means") {
    const auto file = saved(tensors_of("resnet18", {.classes = 5}), "model.safetensors");
    const fs::path folder = file.parent_path();
    write_text(folder / "config.json", R"({"architecture": "resnet18", "num_classes": 5,
        "pretrained_cfg": {"tag": "mine", "input_size": [3, 160, 160], "crop_pct": 0.8,
        "interpolation": "bicubic", "crop_mode": "center", "mean": [0.1, 0.2, 0.3],
        "std": [1, 2, 3]}})");
    const std::string expected =
        "resize 200 bicubic, crop 160, mean [0.1, 0.2, 0.3], std [1, 2, 3]";
    for (const fs::path& path : {folder, file}) {
        const auto model = open_model(config_of("resnet18", path)).description;
        CHECK(model->preprocessing.describe() == expected);
        CHECK_THAT(model->preprocessing_origin, ContainsSubstring("config.json"));
    }
    ModelConfig config = config_of("resnet18", folder);
    config.preprocessing.mean = {0.0F, 0.0F, 0.0F};
    CHECK_THAT(open_model(config).description->preprocessing.describe(),
               ContainsSubstring("resize 200 bicubic, crop 160, mean [0, 0, 0], std [1, 2, 3]"));
    // Beside a file of another name it may be anything's.
    fs::copy(file, folder / "mine.safetensors");
    CHECK(open_model(config_of("resnet18", folder / "mine.safetensors"))
              .description->preprocessing.crop == 224);
}

TEST_CASE("a processor of transformers says how images are prepared") {
    const auto file = saved(tensors_of("resnet18", {.classes = 5}), "model.safetensors");
    const auto prepared = [&](const std::string& processor) {
        write_text(file.parent_path() / "preprocessor_config.json", processor);
        return open_model(config_of("resnet18", file)).description->preprocessing.describe();
    };
    CHECK(prepared(R"({"image_processor_type": "ViTImageProcessor", "do_resize": true,
        "size": {"height": 224, "width": 224}, "resample": 2, "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5]})") ==
          "resize 224 bilinear both sides, crop 224, mean [0.5, 0.5, 0.5], std [0.5, 0.5, 0.5]");
    CHECK(prepared(R"({"feature_extractor_type": "DeiTFeatureExtractor", "size": 256,
        "do_center_crop": true, "crop_size": 224, "resample": 3, "do_normalize": false})") ==
          "resize 256 bicubic both sides, crop 224, mean [0, 0, 0], std [1, 1, 1]");
    CHECK(prepared(R"({"image_processor_type": "ConvNextImageProcessor", "crop_pct": 0.875,
        "size": {"shortest_edge": 224}, "resample": 3, "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5]})")
              .starts_with("resize 256 bicubic, crop 224, "));
}

TEST_CASE("a ViT computes with the epsilon that transformers' config.json says") {
    const torch::InferenceMode inference;
    const auto file =
        saved(tensors_of("demo_vit", {.classes = 10, .image_size = 32}), "model.safetensors");
    const auto differs = [&](const std::string& json, double eps) {
        INFO(json);
        if (!json.empty()) write_text(file.parent_path() / "config.json", json);
        const ModelWithWeights model = open_model(config_of("demo_vit", file.parent_path()));
        const auto network = model.description->make();
        load_parameters(*network, model.tensors, "file");
        FormulaTap tap(eps);
        network->forward(test::hash_input(32) * 0.01F, &tap);
        CHECK(tap.norms == 11);
        return tap.largest;
    };
    CHECK(differs("", 1e-6) < 1e-5);
    CHECK(differs(R"({"model_type": "vit", "layer_norm_eps": 0.25})", 0.25) < 1e-5);
    CHECK(differs(R"({"model_type": "vit", "layer_norm_eps": 0.25})", 1e-6) > 1e-2);
    CHECK(differs(R"({"model_type": "vit"})", 1e-12) < 1e-5);
    // It is transformers' word for its own networks only.
    CHECK(differs(R"({"model_type": "bert", "layer_norm_eps": 0.25})", 1e-6) < 1e-5);
    const auto eps_of = [&] {
        return open_model(config_of("demo_vit", file.parent_path())).description->norm_eps;
    };
    CHECK_FALSE(eps_of().has_value());
    write_text(file.parent_path() / "config.json",
               R"({"model_type": "deit", "layer_norm_eps": 1e-6})");
    CHECK_FALSE(eps_of().has_value());  // the family's own
    write_text(file.parent_path() / "preprocessor_config.json",
               R"({"size": 32, "resample": 3, "image_processor_type": "ViTImageProcessor"})");
    write_text(file.parent_path() / "config.json",
               R"({"model_type": "vit", "layer_norm_eps": 1e-12})");
    CHECK(eps_of() == 1e-12);
    const auto both = open_model(config_of("demo_vit", file.parent_path())).description;
    CHECK(both->preprocessing.interpolation == Interpolation::bicubic);
    CHECK_THAT(both->preprocessing_origin, ContainsSubstring("preprocessor_config.json"));
}

TEST_CASE("metadata that are damaged or not understood are refused by their file") {
    const auto file = saved(tensors_of("resnet18", {.classes = 5}), "model.safetensors");
    const auto refused = [&](const std::string& name, const std::string& text,
                             const std::string& message) {
        INFO(text);
        write_text(file.parent_path() / name, text);
        CHECK_THROWS_WITH(open_model(config_of("resnet18", file)),
                          ContainsSubstring(name + ": ") && ContainsSubstring(message));
        CHECK_THROWS_AS(open_model(config_of("resnet18", file)), InputError);
        fs::remove(file.parent_path() / name);
    };
    const auto timm = [](const std::string& fields) {
        return R"({"architecture": "resnet18", "pretrained_cfg": {)" + fields + "}}";
    };
    refused("config.json", "{", "not valid JSON");
    refused("config.json", timm(R"("crop_mode": "border")"), "'border' is not known");
    refused("config.json", timm(R"("interpolation": "lanczos")"), "'lanczos', which is not known");
    refused("config.json", timm(R"("input_size": [3, 224, 192])"), "not square");
    refused("config.json", timm(R"("input_size": [3, 0, 0])"), "a length of 0 pixels");
    refused("config.json", timm(R"("mean": [0.5])"), "mean and std");
    refused("config.json", timm(R"("crop_pct": "much")"), "must be number");
    refused("config.json", R"({"model_type": "vit", "hidden_act": "quick_gelu"})", "quick_gelu");
    refused("config.json", R"({"model_type": "vit", "layer_norm_eps": 0})", "layer_norm_eps 0 is");
    refused("config.json", R"({"model_type": "vit", "layer_norm_eps": "1e-12"})", "must be number");
    refused("config.json", R"({"model_type": "swin", "layer_norm_eps": 1e-6})",
            "layer_norm_eps 1e-06 is not that of the network");
    refused("preprocessor_config.json", R"({"resample": 1, "size": 224})", "resample 1");
    refused("preprocessor_config.json", R"({"size": {"shortest_edge": 224}})", "crops nothing");
}

TEST_CASE("networks with equal tensors are told apart by a name or refused") {
    const KeyMap to_timm{"timm", "**", {{"_conv_stem.*", "conv_stem.$1"}, {"_bn0.*", "bn1.$1"}}};
    const TensorMap package = tensors_of("tf_efficientnet_lite0", {.classes = 4});
    const auto as_packaged = saved(package);
    const auto as_timm = saved(rename_tensors(package, to_timm, "w"));
    CHECK_THROWS_AS(open_model(config_of("efficientnet_lite0", as_timm)), InputError);
    CHECK_THROWS_WITH(open_model(config_of("efficientnet_lite0", as_timm)),
                      ContainsSubstring("tf_efficientnet_lite0") &&
                          ContainsSubstring("efficientnet_lite0.ra_in1k"));
    const auto model_of = [](const std::string& name, const fs::path& file) {
        return open_model(config_of(name, file)).description;
    };
    CHECK(model_of("efficientnet_lite0", as_packaged)->name == "efficientnet_lite0");
    const auto own = model_of("timm/efficientnet_lite0.ra_in1k", as_timm);
    CHECK(own->preprocessing.mean[0] == 0.485F);
    CHECK(model_of("tf_efficientnet_lite0", as_timm)->preprocessing.mean[0] == 0.5F);
    // Of other sizes timm's own are no family's.
    CHECK_THROWS_WITH(open_model(config_of("efficientnet_lite1", as_timm)),
                      ContainsSubstring("exported as a program"));
}

TEST_CASE("TensorFlow's and PyTorch's EfficientNet-Lite differ by padding and epsilon") {
    const torch::InferenceMode inference;
    const auto own = find_model("efficientnet_lite0.ra_in1k").make();
    const auto tensorflow = find_model("tf_efficientnet_lite0").make();
    test::set_hash_weights(*own);
    test::set_hash_weights(*tensorflow);
    const auto image = torch::ones({1, 3, 224, 224});
    CHECK_FALSE(torch::allclose(own->forward(image), tensorflow->forward(image)));
    CHECK(own->run(image, 0, 1).sizes() == tensorflow->run(image, 0, 1).sizes());
}

TEST_CASE("a file that is known by its digest has its own preprocessing under another name") {
    COMQ_NEED_ASSETS(assets);
    const fs::path weights = assets / "weights/deit_tiny_patch16_224.safetensors";
    const auto model = open_model(config_of("vit_tiny_patch16_224", weights)).description;
    CHECK(model->checkpoint == "deit_tiny_patch16_224.fb_in1k");
    CHECK(model->preprocessing == find_model("deit_tiny_patch16_224").preprocessing);
    CHECK(model->expected_top1 == 72.19);
}
