#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "experiment_config/config_files.hpp"
#include "experiment_config/config_paths.hpp"
#include "experiment_config/config_text.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

/** Experiments under configs/: all but the fragments of base/, which are no whole configs. */
std::vector<fs::path> shipped_configs() {
    std::vector<fs::path> files;
    for (const char* folder : {"configs", "configs/models"}) {
        for (const auto& entry : fs::directory_iterator(source_dir() / folder)) {
            if (entry.path().extension() == ".yaml") files.push_back(entry.path());
        }
    }
    return files;
}

LoadedConfig load_shipped(const fs::path& file) {
    LoadOptions options;
    options.fragment_folders = {source_dir() / "configs"};
    return load_config(file, {}, options);
}

}  // namespace

TEST_CASE("every shipped config loads and survives its own resolved text") {
    std::set<std::string> texts;
    for (const auto& file : shipped_configs()) {
        INFO(file);
        const auto loaded = load_shipped(file);
        const std::string text = resolved_text(loaded.config);
        CHECK(resolved_text(load(text).config) == text);
        CHECK(loaded.config.output.file.stem() == file.stem());
        texts.insert(text);
    }
    CHECK(texts.size() == shipped_configs().size());
    CHECK(texts.size() >= 24);
}

TEST_CASE("every shipped fragment is part of some config") {
    std::set<fs::path> used;
    for (const auto& file : shipped_configs()) {
        for (const auto& part : load_shipped(file).files) used.insert(fs::canonical(part));
    }
    for (const auto& entry : fs::directory_iterator(source_dir() / "configs/base")) {
        INFO(entry.path());
        // What a user chooses in place of base/comq and base/imagenet_eval.
        const std::string name = entry.path().stem().string();
        if (name == "authors_code" || name == "imagenet_kaggle") continue;
        CHECK(used.count(fs::canonical(entry.path())) == 1);
    }
}

TEST_CASE("the authors' variant replaces the paper's by one fragment") {
    const ConfigFolder folder;
    const auto file = folder.write("run.yaml", complete_config + "defaults: [base/authors_code]\n");
    LoadOptions options;
    options.fragment_folders = {source_dir() / "configs"};
    const auto quantization = load_config(file, {}, options).config.quantization;
    CHECK(quantization.preset == Preset::authors_code);
    CHECK(quantization.sweeps == 1);
    CHECK(quantization.scale_update == ScaleUpdate::none);
}

TEST_CASE("the user's ViT-B config says what is missing and how to get it") {
    const Environment imagenet("IMAGENET", "/no/imagenet"), weights("COMQ_WEIGHTS", "/no/weights");
    const auto loaded = load_config(source_dir() / "configs/vit_b_4bit.yaml");
    CHECK(loaded.config.model.name == "vit_base_patch16_224");
    CHECK(loaded.config.calibration.images == 1024);
    CHECK(loaded.config.data.evaluation == "/no/imagenet/val");
    CHECK_THROWS_WITH(
        check_paths(loaded),
        ContainsSubstring("configs/vit_b_4bit.yaml:6: key 'model.weights': there is no "
                          "/no/weights/vit_base_patch16_224.safetensors; "
                          "scripts/fetch_weights.sh vit_base_patch16_224") &&
            ContainsSubstring("key 'data.root': there is no /no/imagenet; data.root=FOLDER") &&
            ContainsSubstring("scripts/run_demo.sh"));
}

TEST_CASE("configs of the development networks find their files") {
    COMQ_NEED_ASSETS(folder);
    const Environment assets_folder("COMQ_ASSETS", folder.c_str());
    for (const char* name : {"deit_tiny_4bit", "squeezenet_4bit", "cifar_resnet20_4bit",
                             "cifar_resnet32_4bit", "cifar_resnet56_4bit"}) {
        INFO(name);
        const auto loaded = load_config(source_dir() / "configs" / name);
        CHECK_NOTHROW(check_paths(loaded));
        CHECK(fs::is_regular_file(loaded.config.model.weights));
    }
}
