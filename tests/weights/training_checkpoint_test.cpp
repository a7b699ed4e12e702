// What training scripts save: a state_dict among other things, under some entry and prefix.
#include <cmath>

#include "core/errors.hpp"
#include "storage/safetensors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoint.hpp"
#include "weights/checkpoints.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** The file has fc.weight and fc.bias of the network meant, and nothing else. */
void check_network(const std::string& file, const std::string& wanted, const std::string& entry) {
    INFO(file << " " << wanted);
    const Checkpoint read = open_checkpoint(checkpoint(file), wanted);
    CHECK(read.entry == entry);
    REQUIRE(read.tensors.size() == 2);
    CHECK(floats(read.tensors.at("fc.weight")) == ramp(6));
    CHECK(floats(read.tensors.at("fc.bias")) == ramp(2));
}

void check_refused(const std::string& file, const std::string& wanted, const std::string& message) {
    INFO(file << " " << wanted);
    CHECK_THROWS_WITH(read_checkpoint(checkpoint(file), wanted), ContainsSubstring(message));
}

}  // namespace

TEST_CASE("tensors beside a state_dict do not hide it") {
    check_network("zip_beside.pth", "", "state_dict");
    check_network("zip_rng_state.pth", "", "model");
    check_network("zip_two_levels.pth", "", "model.state_dict");
}

TEST_CASE(
    "an averaged model's counter is none of its tensors, and an empty average hides nothing") {
    check_network("zip_references.pth", "", "model_ema");
    check_network("zip_averaged_alone.pth", "", "");
    check_network("zip_empty_ema.pth", "", "state_dict");
}

TEST_CASE("one dictionary under a name of its own is found, of several one is chosen") {
    check_network("zip_student.pth", "", "student");
    check_network("zip_student_and_teacher.pth", "teacher", "teacher");
    check_refused("zip_student_and_teacher.pth", "",
                  "several dictionaries of tensors: 'student' (2 tensors: fc), 'teacher' (2 "
                  "tensors: fc); choose by model.state_dict");
}

TEST_CASE("model.state_dict chooses by keys and by the begin of names") {
    check_network("zip_lightning.pth", "state_dict.ema_model", "state_dict.ema_model");
    check_network("zip_two_levels.pth", "model.state_dict", "model.state_dict");
    const TensorMap last = read_checkpoint(checkpoint("zip_references.pth"), "model");
    CHECK(floats(last.at("fc.weight")) == std::vector<float>(6, 0.f));
    check_refused("zip_references.pth", "ema",
                  "model.state_dict names 'ema', which holds no tensors; there are 'model' (2 "
                  "tensors: fc), 'model_ema' (3 tensors: module, n_averaged)");
    check_refused("zip_lightning.pth", "state_dict.mode", "there are 'state_dict' (5 tensors: ");
    check_refused("zip_empty_ema.pth", "state_dict_ema", "which holds no tensors");
}

TEST_CASE("in a file without dictionaries model.state_dict is the begin of names") {
    const auto file = temporary_folder() / "w.safetensors";
    const TensorMap tensors = read_checkpoint(checkpoint("zip_averaged_alone.pth"));
    write_safetensors(file, {{"ema.fc.weight", tensors.at("fc.weight")},
                             {"model.fc.weight", tensors.at("fc.weight")}});
    CHECK(read_checkpoint(file, "ema").size() == 1);
    CHECK(read_checkpoint(file, "ema").contains("fc.weight"));
    CHECK_THROWS_WITH(read_checkpoint(file, "student"),
                      ContainsSubstring("no tensor's name begins with it; names begin with ema, "
                                        "model"));
}

TEST_CASE("what torch.compile puts into names is taken out wherever it stands") {
    const TensorMap tensors = read_checkpoint(checkpoint("zip_compiled_inside.pth"));
    CHECK(tensors.contains("backbone.fc.weight"));
    CHECK(tensors.contains("backbone.fc.bias"));
}

TEST_CASE("lazily negated tensors are negated, whatever the format") {
    for (const char* file : {"zip_lazy_views.pth", "legacy_lazy_views.pth"}) {
        INFO(file);
        const TensorMap tensors = read_checkpoint(checkpoint(file));
        CHECK(floats(tensors.at("negated")) == ramp(6));
        CHECK(floats(tensors.at("negated")) == floats(tensors.at("plain")));
        CHECK(floats(tensors.at("column")) == std::vector{ramp(6)[1], ramp(6)[4]});
        const auto half = tensors.at("half").as<uint16_t>();
        CHECK(std::vector<uint16_t>(half.begin(), half.end()) ==
              std::vector<uint16_t>{0xbc00, 0xba00, 0xb800});  // −1, −0.75, −0.5
    }
    check_refused("zip_negated_integers.pth", "", "'w': is a lazy view ('neg')");
}

TEST_CASE("8-bit floats are the float32 that PyTorch makes of them") {
    for (const char* file : {"zip_float8.pth", "legacy_float8.pth"}) {
        const TensorMap tensors = read_checkpoint(checkpoint(file));
        for (const char* format : {"e4m3fn", "e5m2"}) {
            INFO(file << " " << format);
            const auto found = floats(tensors.at(format));
            const auto expected = floats(tensors.at(std::string(format) + ".expected"));
            REQUIRE(found.size() == 256);
            for (std::size_t code = 0; code < found.size(); ++code) {
                INFO(code);
                CHECK((found[code] == expected[code] ||
                       (std::isnan(found[code]) && std::isnan(expected[code]))));
                CHECK(std::signbit(found[code]) == (code >= 128 && !std::isnan(found[code])));
            }
        }
        const auto all = floats(tensors.at("e4m3fn"));
        CHECK(floats(tensors.at("column"))[2] == all[2 * 16 + 3]);
    }
    check_refused("zip_float8_fnuz.pth", "",
                  "tensor 'w': torch.float8_e4m3fnuz is not supported (convert it to float32");
}

TEST_CASE("a folder of Hugging Face is its weights") {
    const auto folder = temporary_folder();
    CHECK_THROWS_WITH(read_checkpoint(folder), ContainsSubstring("is a folder without weights"));
    const TensorMap tensors = read_checkpoint(checkpoint("zip_averaged_alone.pth"));
    write_safetensors(folder / "model.safetensors", tensors);
    CHECK(read_checkpoint(folder).size() == 2);
    CHECK(checkpoint_sha256(folder) == checkpoint_sha256(folder / "model.safetensors"));
    std::filesystem::remove(folder / "model.safetensors");
    std::filesystem::copy(checkpoint("zip_averaged_alone.pth"), folder / "pytorch_model.bin");
    CHECK(read_checkpoint(folder).size() == 2);
    CHECK(checkpoint_file(folder) == folder / "pytorch_model.bin");
}
