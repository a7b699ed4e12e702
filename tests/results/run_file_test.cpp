#include "results/run_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include "core/errors.hpp"
#include "results/figures.hpp"
#include "results/sample_run.hpp"
#include "storage/hdf5.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/edit_hdf5.hpp"
#include "support/file_size_limit.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

fs::path written_sample() {
    const fs::path file = test::temporary_folder() / "run.h5";
    write_run_file(file, test::sample_run());
    return file;
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
        names.push_back(entry.path().filename().string());
    }
    return names;
}

/** The error of reading `file` after `change` of its root group. */
template <typename Change>
void check_refused(Change change, const std::string& object, const std::string& words) {
    const fs::path file = written_sample();
    test::edit_hdf5(file, change);
    CHECK_THROWS_WITH(
        read_run_file(file, ReadScope::everything),
        ContainsSubstring(file.string() + ": " + object + ":") && ContainsSubstring(words));
    CHECK_THROWS_AS(read_run_file(file, ReadScope::everything), InputError);
}

}  // namespace

TEST_CASE("a run file gives back the run that was written") {
    const fs::path file = written_sample();
    test::check_equal(read_run_file(file, ReadScope::everything), test::sample_run());
    CHECK(names_in(file.parent_path()) == std::vector<std::string>{"run.h5"});
}

TEST_CASE("the summary of a run file leaves out codes and parameters only") {
    const RunRecord expected = test::sample_run();
    const RunRecord summary = read_run_file(written_sample(), ReadScope::summary);
    CHECK(summary.parameters.empty());
    REQUIRE(summary.layers.size() == 2);
    CHECK(summary.layers[1].relative_error == expected.layers[1].relative_error);
    CHECK(summary.layers[1].bit_code.data == nullptr);
    CHECK(summary.quantized->prediction == expected.quantized->prediction);
}

TEST_CASE("all figures are read without the rest of a run file") {
    const fs::path file = test::temporary_folder() / "run.h5";
    write_run_file(file, test::sample_run_with_sets());
    RunRecord expected = read_run_file(file, ReadScope::summary);
    RunRecord few = read_run_file(file, ReadScope::figures);
    for (const Figure& figure : figures_with(set_names(expected))) {
        INFO(figure.name);
        const auto text = [&](const RunRecord& run) {
            return fmt::format("{} {}", figure.value(run), figure.standard_error(run));
        };
        CHECK(text(few) == text(expected));  // "nan" too
    }

    const auto drop_predictions = [](Evaluations& of) {
        for (auto* evaluation : {&of.full_precision, &of.quantized}) {
            (*evaluation)->prediction = {};
            (*evaluation)->in_top5 = {};
            (*evaluation)->margin = {};
        }
        // Those of the full-precision network name the images.
        of.quantized->image = {};
        of.quantized->label = {};
    };
    drop_predictions(expected);
    for (SetRecord& set : expected.sets) drop_predictions(set);
    REQUIRE(few.layers.size() == expected.layers.size());
    CHECK(few.layers[1].name == expected.layers[1].name);
    CHECK(few.layers[1].kind.empty());
    expected.layers = few.layers = {};
    expected.sensitivities = {};
    expected.rotations = {};
    expected.activations = {};
    test::check_equal(few, expected);
}

TEST_CASE("a run without layers, evaluation or calibration is written and read") {
    RunRecord run;
    run.config = "seed: 0\n";
    const fs::path file = test::temporary_folder() / "new" / "folder" / "run.h5";
    write_run_file(file, run);
    test::check_equal(read_run_file(file, ReadScope::everything), run);
}

TEST_CASE("ranges of rounded inputs that are no columns are refused") {
    const RunRecord run = test::sample_run();
    check_refused(
        [&](const Hdf5Group& root) {
            Hdf5Group group = root.open_group("activations/features.3.expand3x3");
            group.write_tensor("minimum", run.layers[0].scale);
            group.write_tensor("maximum", run.layers[0].scale);
        },
        "/activations/features.3.expand3x3", "no F32 columns of one length");
}

TEST_CASE("the layout of a run file is the documented one") {
    const Hdf5File hdf5 = Hdf5File::open_for_reading(written_sample());
    const Hdf5Group root = hdf5.root();
    CHECK(root.names() == std::vector<std::string>{"provenance", "evaluation", "model_size",
                                                   "layers", "calibration", "heldout", "stages",
                                                   "sensitivity", "rotations", "codes",
                                                   "activations", "parameters"});
    CHECK(root.attribute_names() == std::vector<std::string>{"schema_version", "status", "config",
                                                             "identity", "uses_labels",
                                                             "uses_gradients"});
    CHECK(root.open_group("layers").names() ==
          std::vector<std::string>{"name", "kind", "in_features", "out_features", "groups", "bits",
                                   "levels_used", "error", "relative_error", "sqnr_db",
                                   "rtn_relative_error", "heldout_relative_error", "weight_error",
                                   "sweeps", "seconds", "propagation", "residual_strength",
                                   "cumulative_error"});
    CHECK(root.open_group("codes/blocks.0.attn.qkv").names() ==
          std::vector<std::string>{"bit_code", "scale", "zero_point"});
    CHECK(root.open_group("evaluation/quantized").names() ==
          std::vector<std::string>{"image", "label", "prediction", "margin", "kl", "in_top5"});
    const Hdf5Dataset seconds = root.open_dataset("layers/seconds");
    CHECK(seconds.text_attribute("units") == "s");
    CHECK(seconds.has_attribute("DIMENSION_LIST"));
    CHECK(root.open_dataset("layers/name").text_attribute("CLASS") == "DIMENSION_SCALE");
}

TEST_CASE("results/README.md documents every object and attribute of a run file") {
    const std::string text = test::text_of(test::source_dir() / "results" / "README.md");
    REQUIRE(!text.empty());
    const Hdf5File hdf5 = Hdf5File::open_for_reading(written_sample());
    const Hdf5Group root = hdf5.root();
    std::vector<std::string> names = root.attribute_names();
    const auto add = [&](const std::vector<std::string>& more) {
        names.insert(names.end(), more.begin(), more.end());
    };
    add(root.names());
    add(root.open_group("provenance").attribute_names());
    add(root.open_group("evaluation").attribute_names());
    add(root.open_group("evaluation/quantized").attribute_names());
    add(root.open_group("evaluation/quantized").names());
    add(root.open_group("model_size").attribute_names());
    add(root.open_group("layers").names());
    add(root.open_group("codes/blocks.0.attn.qkv").names());
    add(root.open_group("activations/blocks.0.attn.qkv").names());
    for (const std::string& name : names) {
        INFO(name);
        CHECK(text.find("`" + name + "`") != std::string::npos);
    }
}

TEST_CASE("files that are no run files are refused by name") {
    const fs::path folder = test::temporary_folder();
    SECTION("missing") {
        CHECK_THROWS_WITH(read_run_file(folder / "none.h5", ReadScope::summary),
                          ContainsSubstring("none.h5: No such file"));
    }
    SECTION("not HDF5") {
        std::ofstream(folder / "text.h5") << "name,error\n";
        CHECK_THROWS_WITH(read_run_file(folder / "text.h5", ReadScope::summary),
                          ContainsSubstring("text.h5: can't be opened: not an HDF5 file"));
    }
    SECTION("HDF5 of somebody else") {
        test::write_hdf5(folder / "other.h5", [](Hdf5Group) {});
        CHECK_THROWS_WITH(
            read_run_file(folder / "other.h5", ReadScope::summary),
            ContainsSubstring("other.h5: /: has no attribute 'schema_version', so this is no"));
    }
    SECTION("cut anywhere") {
        const fs::path whole = written_sample();
        const auto size = fs::file_size(whole);
        for (std::uintmax_t keep = 0; keep < size; keep += size / 37) {
            const fs::path cut = folder / "cut.h5";
            fs::copy_file(whole, cut, fs::copy_options::overwrite_existing);
            fs::resize_file(cut, keep);
            INFO(keep << " of " << size << " bytes");
            CHECK_THROWS_WITH(read_run_file(cut, ReadScope::everything),
                              ContainsSubstring("cut.h5: can't be opened: "));
        }
    }
}

TEST_CASE("what a run file lacks or contradicts is named") {
    using Text = std::string;
    SECTION("later major version") {
        check_refused([](Hdf5Group root) { root.write_attribute("schema_version", Text("2.0")); },
                      "/", "schema version 2.0 is later than this program reads (1.x)");
    }
    SECTION("no version at all") {
        check_refused([](Hdf5Group root) { root.write_attribute("schema_version", Text("new")); },
                      "/", "'schema_version' is 'new', which is no version");
    }
    SECTION("unknown status") {
        check_refused([](Hdf5Group root) { root.write_attribute("status", Text("happy")); }, "/",
                      "'status' is 'happy'");
    }
    SECTION("attribute of another type") {
        check_refused([](Hdf5Group root) { root.write_attribute("config", 7); }, "/config",
                      "can't read the attribute as text");
    }
}

TEST_CASE("missing and unequal columns are named") {
    const fs::path file = test::temporary_folder() / "run.h5";
    RunRecord run = test::sample_run();
    const auto words_of_reading = [&](const std::string& words) {
        CHECK_THROWS_WITH(read_run_file(file, ReadScope::everything),
                          ContainsSubstring(file.string() + ": ") && ContainsSubstring(words));
    };
    SECTION("per-image columns of unequal length") {
        // A writer without our checks: dimension scales accept it, readers must not.
        run.quantized->prediction.pop_back();
        write_run_file(file, run);
        words_of_reading("/evaluation/quantized/prediction: has 4 rows, but 'image' has 5");
    }
    SECTION("codes that do not fit their layer") {
        run.layers[0].in_features = 5;
        write_run_file(file, run);
        words_of_reading(
            "/codes/blocks.0.attn.qkv/bit_code: has 4 columns, but 'in_features' is 5");
    }
    SECTION("scales of too few channels") {
        run.layers[0].scale = run.layers[1].scale;
        write_run_file(file, run);
        words_of_reading(
            "/codes/blocks.0.attn.qkv/scale: is F32 [2, 1], expected F32 of 2 "
            "dimensions with 6 rows");
    }
    SECTION("zero points of other groups than the scales") {
        const std::vector<float> zeros(6, 0.0F);
        run.layers[0].zero_point = HostTensor::copy_of<float>(DType::f32, {6, 1}, zeros);
        write_run_file(file, run);
        words_of_reading("/codes/blocks.0.attn.qkv/zero_point: has 1 columns, but 'scale' has 2");
    }
    SECTION("groups of unequal length") {
        const std::vector<float> ones(18, 1.0F);
        run.layers[0].scale = HostTensor::copy_of<float>(DType::f32, {6, 3}, ones);
        run.layers[0].zero_point = run.layers[0].scale;
        write_run_file(file, run);
        words_of_reading(
            "/codes/blocks.0.attn.qkv/scale: has 3 columns, which do not divide 'in_features', 4");
    }
    SECTION("codes beyond their width") {
        run.layers[0].bits = 3;
        write_run_file(file, run);
        words_of_reading("is no code of 3 bits: the file is damaged");
    }
    SECTION("scales that are no numbers") {
        std::vector<float> scale(12, 0.5F);
        scale[7] = std::numeric_limits<float>::quiet_NaN();
        run.layers[0].scale = HostTensor::copy_of<float>(DType::f32, {6, 2}, scale);
        write_run_file(file, run);
        words_of_reading("/codes/blocks.0.attn.qkv/scale: nan is no number");
    }
    SECTION("missing groups and columns") {
        test::write_hdf5(file, [](Hdf5Group root) {
            for (const char* name : {"config", "identity"}) {
                root.write_attribute(name, std::string("seed: 0"));
            }
            root.write_attribute("schema_version", std::string("1.0"));
            root.write_attribute("status", std::string("complete"));
            root.write_attribute("uses_labels", 0);
        });
        words_of_reading("/: has no attribute 'uses_gradients'");
        test::edit_hdf5(file, [](Hdf5Group root) { root.write_attribute("uses_gradients", 0); });
        words_of_reading("/: has no group 'provenance'");
        test::edit_hdf5(file, [](Hdf5Group root) {
            root.create_group("provenance");
            root.create_group("evaluation");
            Hdf5Group size = root.create_group("model_size");
            for (const char* name :
                 {"float_bytes", "quantized_bytes", "average_bits_with_scales"}) {
                size.write_attribute(name, 1);
            }
            root.create_group("layers").write_column("name", std::vector<std::string>{"a", "b"});
        });
        words_of_reading("/layers: has no column 'kind'");
        test::edit_hdf5(file, [](Hdf5Group root) {
            root.open_group("layers").write_column("kind", std::vector<std::string>{"linear"});
        });
        words_of_reading("/layers/kind: has 1 rows, but 'name' has 2");
    }
}

TEST_CASE("later minor versions are read, whatever they add") {
    const fs::path file = written_sample();
    test::edit_hdf5(file, [](Hdf5Group root) {
        root.write_attribute("schema_version", std::string("1.7"));
        root.open_group("layers").write_column("entropy", std::vector<double>{1, 2});
        root.create_group("outliers");
    });
    test::check_equal(read_run_file(file, ReadScope::everything), test::sample_run());
}

// HDF5 itself, after failing to write, would crash when the process ends: ctest would see it.
TEST_CASE("a full disk leaves the earlier result file and no temporary") {
    const fs::path file = written_sample();
    RunRecord large = test::sample_run();
    const std::vector<float> values(1 << 18, 1.0F);
    large.parameters["large"] = HostTensor::copy_of<float>(DType::f32, {1 << 18}, values);
    {
        const test::FileSizeLimit full_disk(10'000);
        CHECK_THROWS_WITH(write_run_file(file, large),
                          ContainsSubstring(file.string() + ": can't be written: "));
    }
    test::check_equal(read_run_file(file, ReadScope::everything), test::sample_run());
    CHECK(names_in(file.parent_path()) == std::vector<std::string>{"run.h5"});
}
