#include <optional>
#include <string>
#include <vector>

#include "networks/describe_model.hpp"
#include "networks/exported_programs.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** scripts/export_network.py with its output in a folder of its own. */
struct Script {
    fs::path folder = test::temporary_folder();
    fs::path program = folder / "made" / "net.pt2";

    std::optional<int> run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"-o", program.string()});
        return test::run_with_torch(test::source_dir() / "scripts" / "export_network.py", arguments,
                                    folder / "log");
    }
    std::string log() const { return test::text_of(folder / "log"); }

    std::shared_ptr<const ModelDescription> description() const {
        ModelConfig config;
        config.program = program;
        return describe_model(config);
    }
};

}  // namespace

TEST_CASE("export_network.py writes a module of one's own with how its images are prepared") {
    const Script script;
    const auto code = script.run({"small_networks:Transformer", "--size", "32", "--resize", "36",
                                  "--interpolation", "bicubic", "--mean", "0.5", "0.4", "0.3",
                                  "--std", "0.25", "0.25", "0.5", "--license", "MIT"});
    if (!code) return test::skip("python", "Python with the PyTorch that comq is built with");
    INFO(script.log());
    REQUIRE(*code == 0);
    CHECK_THAT(script.log(), ContainsSubstring("10 classes, images of 32 x 32") &&
                                 ContainsSubstring("differ from the module's by 0.0e+00"));
    const auto description = script.description();
    CHECK(description->classes == 10);
    CHECK(description->license == "MIT");
    CHECK(description->source == "small_networks:Transformer");
    CHECK(description->preprocessing.describe() ==
          "resize 36 bicubic, crop 32, mean [0.5, 0.4, 0.3], std [0.25, 0.25, 0.5]");
}

TEST_CASE("export_network.py takes weights of a file, also of one that wraps them") {
    COMQ_NEED_EXPORTED("families", families);
    const Script script;
    std::vector<std::string> words{"family_networks:cifar10_resnet20",
                                   "--size",
                                   "32",
                                   "--resize",
                                   "32",
                                   "--interpolation",
                                   "bilinear",
                                   "--mean",
                                   "0.5",
                                   "0.5",
                                   "0.5",
                                   "--std",
                                   "0.5",
                                   "0.5",
                                   "0.5",
                                   "--weights",
                                   (families / "cifar10_resnet20.pth").string()};
    CHECK(script.run(words) == 0);
    INFO(script.log());
    CHECK(script.description()->checkpoint == "cifar10_resnet20.pth");
    if (const auto assets = test::assets()) {
        words.back() = (*assets / "weights" / "cifar10_resnet20-12fca82f.th").string();
        CHECK(script.run(words) == 0);
        INFO(script.log());
        CHECK(script.description()->checkpoint == "cifar10_resnet20-12fca82f.th");
    }
    words.back() = (families / "squeezenet1_1.pth").string();
    CHECK(script.run(words) == 1);
    CHECK_THAT(script.log(),
               ContainsSubstring("squeezenet1_1.pth: ") && ContainsSubstring("Missing key(s)"));
}

TEST_CASE("export_network.py says what a config has to give") {
    const Script script;
    const auto code = script.run({"small_networks:Transformer", "--size", "32", "--resize", "32",
                                  "--mean", "0.5", "0.5", "0.5"});
    if (!code) return test::skip("python", "Python with the PyTorch that comq is built with");
    INFO(script.log());
    CHECK(*code == 0);
    const std::string keys = "give model.preprocessing.interpolation, model.preprocessing.std";
    CHECK_THAT(script.log(), ContainsSubstring(keys));
    CHECK_THROWS_WITH(script.description(), ContainsSubstring(keys));
}

TEST_CASE("export_network.py says in a line what it can't export") {
    const Script script;
    if (!script.run({"small_networks:Shared"})) {
        return test::skip("python", "Python with the PyTorch that comq is built with");
    }
    const auto refusal = [&](std::vector<std::string> arguments) {
        CHECK(script.run(std::move(arguments)) == 1);
        CHECK_FALSE(fs::exists(script.program));
        return script.log();
    };
    CHECK_THAT(refusal({"small_networks:Shared"}), ContainsSubstring("give --size"));
    CHECK_THAT(refusal({"small_networks"}), ContainsSubstring("MODULE:FUNCTION"));
    CHECK_THAT(refusal({"small_networks:Missing"}), ContainsSubstring("Missing"));
    CHECK_THAT(refusal({"no_such_module:make"}), ContainsSubstring("no_such_module"));
    CHECK_THAT(refusal({"small_networks:Shared", "--weights", "none.pth"}),
               ContainsSubstring("there is no none.pth"));
    CHECK_THAT(refusal({"export_refused:TwoOutputs", "--size", "8"}),
               ContainsSubstring("returns no logits [batch, classes]"));
    CHECK_THAT(refusal({"export_refused:Noise", "--size", "8"}),
               ContainsSubstring("does the module draw random numbers?"));
    CHECK_THAT(refusal({"export_refused:OnePatch", "--size", "12"}),
               ContainsSubstring("does not take images [batch, 3, 12, 12]"));
}
