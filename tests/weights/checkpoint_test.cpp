#include "weights/checkpoint.hpp"

#include <fstream>

#include "core/errors.hpp"
#include "storage/safetensors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoints.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

HostTensor one() { return HostTensor::copy_of<float>(DType::f32, {1}, std::vector{1.f}); }

void check_refused(std::string_view content, const std::string& message) {
    INFO(message);
    CHECK_THROWS_WITH(parse_checkpoint(copy_bytes("w.pth", std::as_bytes(std::span(content)))),
                      ContainsSubstring("w.pth: ") && ContainsSubstring(message));
}

}  // namespace

TEST_CASE("the format is told by the content, not by the name") {
    const fs::path folder = temporary_folder();
    write_safetensors(folder / "model.pth", {{"w", one()}});
    CHECK(read_checkpoint(folder / "model.pth").contains("w"));
    fs::copy(checkpoint("zip_views.pth"), folder / "model.safetensors");
    CHECK_FALSE(read_checkpoint(folder / "model.safetensors").empty());
    fs::copy(checkpoint("legacy_views.pth"), folder / "pytorch_model.bin");
    CHECK_FALSE(read_checkpoint(folder / "pytorch_model.bin").empty());
}

TEST_CASE("prefixes of wrapped modules are taken off") {
    const fs::path file = temporary_folder() / "w.safetensors";
    write_safetensors(file, {{"module.fc.weight", one()},
                             {"module.module.deep", one()},
                             {"_orig_mod.module.compiled", one()},
                             {"n_averaged", one()},
                             {"submodule.x", one()}});
    const TensorMap tensors = read_checkpoint(file);
    CHECK(tensors.size() == 5);
    for (const char* name : {"fc.weight", "deep", "compiled", "n_averaged", "submodule.x"}) {
        CHECK(tensors.contains(name));
    }
    write_safetensors(file, {{"module.w", one()}, {"w", one()}});
    CHECK_THROWS_WITH(read_checkpoint(file),
                      ContainsSubstring("'w' stands there twice, with and without the prefix"));
}

TEST_CASE("files that are no checkpoints are refused with what they are") {
    using namespace std::string_view_literals;
    check_refused(""sv, "it is empty");
    check_refused("version https://git-lfs.github.com/spec/v1\noid"sv, "git lfs pull");
    check_refused("<!DOCTYPE html>"sv, "a web page");
    check_refused("\x1f\x8b\x08"sv, "gunzip");
    check_refused("\x89HDF\r\n\x1a\n"sv, "HDF5");
    check_refused("hello"sv, "its format isn't known");
    check_refused(std::string(257, '\0') + "ustar" + std::string(250, '\0'), "a tar file");
    check_refused("\x80\x02}."sv, "a pickle, but not one of torch.save");
    check_refused("PK\x03\x04"sv, "not a complete zip archive");
    CHECK_THROWS_WITH(read_checkpoint(temporary_folder()), ContainsSubstring("is a folder"));
    CHECK_THROWS_WITH(read_checkpoint("/nonexistent.pth"), ContainsSubstring("No such file"));
}
