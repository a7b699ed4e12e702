#include <map>
#include <nlohmann/json.hpp>

#include "fuzz/fuzz_target.hpp"
#include "networks/describe_model.hpp"
#include "networks/load.hpp"

using namespace comq;

namespace {

using Json = nlohmann::json;

constexpr std::size_t storage_bytes = 16384;

/** An archive of the members of one JSON document, with a file of ones for each that they name. */
std::vector<std::byte> archive_of(const Json& document) {
    const std::string ones(storage_bytes, '\1');
    std::map<std::string, std::string> texts;
    std::map<std::string, std::string_view> files;
    const auto add_text = [&](const char* key, const std::string& name) {
        if (document.contains(key)) files[name] = texts[key] = document[key].dump();
    };
    add_text("program", "net/models/model.json");
    add_text("notes", "net/extra/comq.json");
    for (const std::string kind : {"weights", "constants"}) {
        const std::string folder = "net/data/" + kind + "/";
        add_text(kind.c_str(), folder + "model_" + kind + "_config.json");
        if (!document.contains(kind) || !document[kind].is_object()) continue;
        const Json config = document[kind].value("config", Json());
        for (const auto& entry : config) {
            if (!entry.is_object() || !entry.contains("path_name")) continue;
            const Json& path = entry["path_name"];
            if (path.is_string()) files.emplace(folder + path.get<std::string>(), ones);
        }
    }
    std::vector<fuzz::ZipContent> entries;
    for (const auto& [name, bytes] : files) entries.push_back({name.substr(0, 1000), bytes});
    return fuzz::stored_zip(entries);
}

std::vector<std::byte> archive_of(std::string_view text) {
    const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    try {
        if (document.is_object()) return archive_of(document);
    } catch (const Json::exception&) {
        // Text that is no UTF-8 can't be written.
    }
    return fuzz::stored_zip({{"net/models/model.json", text}});
}

}  // namespace

/**
 * Any bytes as the graph and the lists of tensors in an archive of torch.export.save, with the
 * storages they name, are a network that takes those tensors, or an Error of one line. No graph is
 * run: what it computes may take any time.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFile memory("net.pt2");
    const std::string_view text = fuzz::text_of(std::as_bytes(std::span(data, size)));
    if (text.starts_with("PK")) {
        memory.write(text);
    } else {
        memory.write(archive_of(text));
    }
    fuzz::expect_only_errors([&] {
        ModelConfig config;
        config.program = memory.path();
        const auto description = describe_model(config);
        const auto network = description->make();
        take_over_parameters(*network, description->own_weights(), memory.path().string());
    });
    return 0;
}
