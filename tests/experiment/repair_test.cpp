#include <algorithm>
#include <iterator>

#include "data/dataset_files.hpp"
#include "evaluation/evaluate.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/runs.hpp"
#include "results/run_file.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> small_run(std::vector<std::string> repairs) {
    for (const char* key : {"calibration.images=48", "evaluation.images=200", "quantization.bits=2",
                            "quantization.method=rtn", "repair.epochs=2"}) {
        repairs.emplace_back(key);
    }
    return repairs;
}

RunRecord repaired(const std::string& name, std::vector<std::string> repairs,
                   const fs::path& folder = test::temporary_folder()) {
    return test::run_shipped(name, folder, small_run(std::move(repairs)));
}

const std::vector<std::string> folded_repairs{"repair.fold_batch_norm=true",
                                              "repair.bias_correction=true",
                                              "repair.norm_tuning=full_precision_logits"};
const std::vector<std::string> all_repairs{"repair.reestimate_batch_norm=true",
                                           "repair.bias_correction=true",
                                           "repair.norm_tuning=full_precision_logits"};

bool same_parameters(const TensorMap& a, const TensorMap& b) {
    return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
        return x.first == y.first && std::ranges::equal(x.second.bytes(), y.second.bytes());
    });
}

}  // namespace

TEST_CASE("without repairs a run records no other tensors") {
    const auto run = repaired("demo_cnn_4bit", {});
    CHECK(run.parameters.empty());
    CHECK_FALSE(run.uses_labels);
    CHECK_FALSE(run.uses_gradients);
}

TEST_CASE("each repair records what it changed and what it used") {
    const auto fold = repaired("demo_cnn_4bit", {folded_repairs[0]});
    CHECK_FALSE(fold.parameters.empty());
    CHECK_FALSE(fold.uses_gradients);
    const auto tuned = repaired("demo_vit_4bit", {"repair.norm_tuning=labels"});
    CHECK(tuned.uses_labels);
    CHECK(tuned.uses_gradients);
    for (const auto& [name, tensor] : tuned.parameters) {
        INFO(name);
        CHECK(tensor.shape.size() == 1);
    }
    const auto aligned = repaired("demo_vit_4bit", {all_repairs[2]});
    CHECK_FALSE(aligned.uses_labels);
    CHECK(aligned.uses_gradients);
}

TEST_CASE("repairs together keep what the network knows") {
    for (auto repairs : {folded_repairs, all_repairs}) {
        repairs.insert(repairs.end(), {"calibration.images=128", "evaluation.images=300"});
        const auto run = test::run_shipped("demo_cnn_4bit", test::temporary_folder(), repairs);
        CHECK(*run.agreement >= 95.0);
    }
}

TEST_CASE("a folded norm has no statistics to estimate") {
    CHECK_THROWS_WITH(repaired("demo_cnn_4bit", {folded_repairs[0], all_repairs[0]}),
                      ContainsSubstring("repair.reestimate_batch_norm"));
}

TEST_CASE("a result file with repairs holds the whole quantized network") {
    const auto folder = test::temporary_folder();
    const auto run = repaired("demo_cnn_4bit", GENERATE(folded_repairs, all_repairs), folder);
    const auto read = read_run_file(folder / "demo_cnn_4bit.h5", ReadScope::everything);
    CHECK(same_parameters(run.parameters, read.parameters));

    auto loaded =
        test::shipped_config("demo_cnn_4bit", test::temporary_folder(), {"evaluation.images=200"});
    const auto model = load_model(loaded.config.model, torch::kCPU);
    const torch::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : model.network->state_dict()) {
        const auto found = read.parameters.find(name);
        if (found != read.parameters.end()) torch::Tensor(tensor).copy_(to_torch(found->second));
    }
    for (const auto& entry : model.network->layers()) {
        const auto layer = std::ranges::find(read.layers, entry.layer->name(), &LayerRecord::name);
        if (layer != read.layers.end()) install_weight(*entry.layer, *layer);
    }
    const auto images = open_images(loaded.config);
    BadImages bad(0);
    const std::atomic<bool> never_stop{false};
    Progress progress("evaluation", "images", 200);
    const auto predictions =
        evaluate(*model.network,
                 {{images.evaluation_source.get(), images.evaluation,
                   model.description->preprocessing, loaded.config.evaluation.batch_size},
                  torch::kCPU,
                  bad,
                  never_stop},
                 progress);
    CHECK(predictions.prediction == read.quantized->prediction);
}

TEST_CASE("repairs have the same bits for any number of threads") {
    auto one = all_repairs, three = all_repairs;
    one.push_back("resources.threads=1");
    three.push_back("resources.threads=3");
    const auto first = repaired("demo_cnn_4bit", one), second = repaired("demo_cnn_4bit", three);
    CHECK(same_parameters(first.parameters, second.parameters));
    CHECK(first.quantized->prediction == second.quantized->prediction);
}

TEST_CASE("a resumed run takes finished repairs from the journal") {
    const auto folder = test::temporary_folder();
    const auto loaded = test::shipped_config("demo_cnn_4bit", folder, small_run(all_repairs));
    const auto whole = run_experiment(loaded, {});

    {
        RunJournal journal = test::new_journal(loaded);
        for (const auto& layer : whole.layers) journal.store_layer(layer);
        // Other numbers than a repair would give, to see where they come from.
        TensorMap parameters = whole.parameters;
        auto& bias = parameters.at("linear.bias");
        bias = to_host(to_torch(bias) + 0.25F);
        journal.store_tensors(TensorSet::parameters, parameters);
    }
    fs::remove(loaded.config.output.file);
    const auto resumed = run_experiment(loaded, {Leftover::resume, {}});
    CHECK(torch::equal(to_torch(resumed.parameters.at("linear.bias")),
                       to_torch(whole.parameters.at("linear.bias")) + 0.25F));
}

TEST_CASE("labels are not trained on where classes are missing") {
    const auto folder = test::temporary_folder();
    for (int label = 0; label < 10; ++label) {
        const auto image = fs::path("class " + std::to_string(label)) / "0.jpg";
        test::write_jpeg(folder / "all" / image, 20 * label);
        if (label != 3) test::write_jpeg(folder / "some" / image, 20 * label);
    }
    const auto tuned_by = [&](const std::string& loss) {
        return test::run_shipped(
            "demo_cnn_4bit", folder,
            {"data.layout=imagefolder", "data.evaluation=" + (folder / "all").string(),
             "data.calibration=" + (folder / "some").string(), "evaluation.images=all",
             "calibration.images=9", "repair.epochs=1", "repair.norm_tuning=" + loss});
    };
    CHECK_THROWS_WITH(tuned_by("labels"),
                      ContainsSubstring("data.calibration: the images have 9 classes") &&
                          ContainsSubstring("data.synsets"));
    CHECK(tuned_by("full_precision_logits").uses_gradients);
}

TEST_CASE("images of repairs are none that the calibration holds out") {
    const auto loaded = test::shipped_config(
        "demo_cnn_4bit", test::temporary_folder(),
        {"calibration.images=32", "calibration.holdout=100", "repair.images=900"});
    const auto images = open_images(loaded.config);
    const auto chosen = select_repair_images(loaded.config, images);
    CHECK(chosen.size() == 900);
    std::vector<int64_t> both;
    std::ranges::set_intersection(chosen, images.calibration.held_out, std::back_inserter(both));
    CHECK(both.empty());
}
