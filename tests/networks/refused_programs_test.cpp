#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "core/errors.hpp"
#include "fuzz/fuzz_target.hpp"
#include "networks/exported_programs.hpp"
#include "networks/programs/json_fields.hpp"
#include "networks/programs/program_network.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/mutate.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

nlohmann::json program_json(const std::string& name) {
    ProgramArchive archive(test::exported("programs").value() / (name + ".pt2"));
    return archive.program();
}

std::string refusal(const nlohmann::json& program) {
    try {
        read_graph(program, "net.pt2");
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("what a program can't be is refused by name") {
    COMQ_NEED_PROGRAMS(folder);
    const auto program = program_json("residual");
    const auto edited = [&](const auto& edit) {
        auto changed = program;
        edit(changed["graph_module"]["graph"], changed["graph_module"]["signature"]);
        return refusal(changed);
    };
    CHECK(refusal(program) == "no error");
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["nodes"][0]["target"] = "torch.ops.aten.no_such.default";
               }),
               ContainsSubstring("net.pt2: node ") && ContainsSubstring("no such operator"));
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["nodes"][0]["target"] = "torch.ops.aten.from_file.default";
               }),
               ContainsSubstring("that operator is not run"));
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["nodes"][0]["target"] = "torch.ops.mine.op.default";
               }),
               ContainsSubstring("outside PyTorch's own"));
    CHECK_THAT(edited([](auto& graph, auto&) { std::swap(graph["nodes"][0], graph["nodes"][1]); }),
               ContainsSubstring("used before it is made"));
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["nodes"][0]["inputs"][0]["arg"] = {{"as_graph", 1}};
               }),
               ContainsSubstring("kind as_graph"));
    CHECK_THAT(edited([](auto& graph, auto&) {
                   graph["tensor_values"]["x"]["sizes"][0] = {{"as_int", 2}};
               }),
               ContainsSubstring("batches of 2 images only"));
    CHECK_THAT(edited([](auto&, auto& signature) {
                   auto& outputs = signature["output_specs"];
                   outputs.push_back(outputs[0]);
               }),
               ContainsSubstring("more than one tensor"));
    CHECK_THAT(edited([](auto& graph, auto&) { graph["nodes"] = 3; }),
               ContainsSubstring("models/model.json"));
}

TEST_CASE("an archive that can't be run is refused with what to do about it") {
    COMQ_NEED_EXPORTED("refused", folder);
    const std::map<std::string, std::vector<std::string>> expected{
        {"two_inputs", {"takes more than a batch of images", "forward takes one tensor"}},
        {"two_outputs", {"returns more than one tensor", "returns logits alone"}},
        {"features", {"not logits [batch, classes]"}},
        {"fixed_batch", {"for batches of 2 images only", "dynamic_shapes"}},
        {"training", {"(aten.batch_norm.default): it is in training mode", "module.eval()"}},
        {"dropout", {"(aten.dropout.default): it is in training mode", "module.eval()"}},
        {"mutation", {"it writes to runs"}},
        {"noise", {"(aten.randn_like.default): it draws random numbers"}},
        {"double", {"parameter 'conv.weight' is F64", "module.float()"}},
        {"grey", {"not images [batch, 3, height, width]"}},
        {"older_schema", {"in version 7 of its schema, 8 is read here", "export it again"}},
        {"newer_schema", {"in version 9 of its schema, 8 is read here", "export it again"}},
        {"own_operator", {"operators outside PyTorch's own (ATen) are not run"}},
        {"control_flow", {"(higher_order.cond): operators outside PyTorch's own"}},
        {"weights", {"no program of torch.export.save"}}};
    const auto names = test::names_of_programs(folder);
    CHECK(names.size() == expected.size());
    for (const std::string& name : names) {
        INFO(name);
        const fs::path file = folder / (name + ".pt2");
        std::string message = "no error";
        try {
            ProgramArchive archive(file);
            read_program(archive);
        } catch (const InputError& error) {
            message = error.what();
        }
        CHECK_THAT(message, ContainsSubstring(file.string() + ":") ||
                                ContainsSubstring(file.string() + " ("));
        CHECK(message.find('\n') == std::string::npos);
        for (const std::string& part : expected.at(name)) {
            CHECK_THAT(message, ContainsSubstring(part));
        }
    }
}

TEST_CASE("tensors that overlap claim no more than their file may unpack to") {
    auto document = nlohmann::json::parse(
        test::text_of(test::source_dir() / "tests/fuzz/corpus/program/conv.json"));
    auto& exported = document["program"]["graph_module"];
    auto& graph = exported["graph"];
    auto& specs = exported["signature"]["input_specs"];
    auto& config = document["weights"]["config"];
    const auto bias = config["conv.bias"];
    constexpr int64_t elements = int64_t{1} << 18;
    const auto add_view = [&](int64_t offset) {
        const std::string name = fmt::format("view{}", offset);
        auto& view = config[name] = bias;
        view["path_name"] = "views";
        view["tensor_meta"]["sizes"][0]["as_int"] = elements - offset;
        view["tensor_meta"]["storage_offset"]["as_int"] = offset;
        graph["tensor_values"][name] = view["tensor_meta"];
        nlohmann::json input = graph["inputs"][0];
        input["as_tensor"]["name"] = name;
        graph["inputs"].insert(graph["inputs"].begin(), input);
        nlohmann::json spec = specs[0];
        spec["parameter"]["arg"]["name"] = spec["parameter"]["parameter_name"] = name;
        specs.insert(specs.begin(), spec);
    };
    const auto refusal_of = [&] {
        std::map<std::string, std::string> files{
            {"net/models/model.json", document["program"].dump()},
            {"net/data/weights/model_weights_config.json", document["weights"].dump()},
            {"net/data/constants/model_constants_config.json", document["constants"].dump()},
            {"net/data/constants/tensor_0", std::string(4096, '\1')},
            {"net/data/weights/views", std::string(std::size_t{elements} * sizeof(float), '\1')}};
        for (const auto& tensor : config) {
            files.emplace("net/data/weights/" + tensor["path_name"].get<std::string>(),
                          std::string(4096, '\1'));
        }
        std::vector<fuzz::ZipContent> entries;
        for (const auto& [name, content] : files) entries.push_back({name, content});
        const auto bytes = fuzz::stored_zip(entries);
        const fs::path file = test::temporary_folder() / "net.pt2";
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
        try {
            ProgramArchive archive(file);
            read_program(archive);
        } catch (const InputError& error) {
            return std::string(error.what());
        }
        return std::string("none");
    };
    // A whole, and its parts.
    for (int64_t i = 0; i < 20; ++i) add_view(i);
    CHECK(refusal_of() == "none");
    for (int64_t i = 20; i < 200; ++i) add_view(i);
    CHECK_THAT(refusal_of(), ContainsSubstring("net.pt2: tensors up to '") &&
                                 ContainsSubstring("far more than it has"));
}

TEST_CASE("an archive that is cut anywhere is an error that names it") {
    COMQ_NEED_PROGRAMS(folder);
    const std::string whole = test::text_of(folder / "shared.pt2");
    const fs::path file = test::temporary_folder() / "cut.pt2";
    for (std::size_t i = 0; i < 40; ++i) {
        const std::size_t length = whole.size() * i / 40;
        INFO(length << " of " << whole.size() << " bytes");
        std::ofstream(file, std::ios::binary)
            .write(whole.data(), static_cast<std::streamsize>(length));
        try {
            ProgramArchive archive(file);
            FAIL("it was read");
        } catch (const InputError& error) {
            CHECK_THAT(error.what(), ContainsSubstring("cut.pt2"));
        }
    }
}

TEST_CASE("damaged graphs and archives are errors, whatever is damaged") {
    COMQ_NEED_PROGRAMS(folder);
    ProgramArchive archive(folder / "shared.pt2");
    auto json = archive.program();
    for (auto& node : json["graph_module"]["graph"]["nodes"]) node.erase("metadata");
    const std::string text = json.dump();
    const auto images = torch::zeros({1, 3, 32, 32});
    const auto original = read_program(archive);
    test::expect_only_errors(
        std::as_bytes(std::span(text)), text.size(), 400, [&](std::span<const std::byte> bytes) {
            const std::string_view changed(reinterpret_cast<const char*>(bytes.data()),
                                           bytes.size());
            auto program = std::make_shared<Program>(*original);
            reading_json("net.pt2", [&] {
                program->graph = read_graph(nlohmann::json::parse(changed), "net.pt2");
            });
            // A network of it would read tensors that the archive has.
            if (program->graph.tensors.size() != original->tensors.size()) return;
            const ProgramNetwork network(program);
            const torch::InferenceMode inference;
            network.forward(images);
        });

    const std::string whole = test::text_of(folder / "shared.pt2");
    const fs::path file = test::temporary_folder() / "changed.pt2";
    test::expect_only_errors(std::as_bytes(std::span(whole)), whole.size(), 100,
                             [&](std::span<const std::byte> bytes) {
                                 std::ofstream(file, std::ios::binary)
                                     .write(reinterpret_cast<const char*>(bytes.data()),
                                            static_cast<std::streamsize>(bytes.size()));
                                 ProgramArchive changed(file);
                                 program_tensors(*read_program(changed), changed);
                             });
}
