#include "core/paths.hpp"
#include "data/layouts.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/load_config.hpp"
#include "fuzz/fuzz_target.hpp"
#include "quantization/method.hpp"

using namespace comq;

namespace {

LoadOptions options() {
    LoadOptions result;
    result.known.methods = method_names();
    result.known.layouts = data_layout_names();
    result.fragment_folders = {source_folder() / "configs"};
    return result;
}

}  // namespace

/**
 * Any bytes are an experiment with overrides of the command line, or a UsageError; the text that a
 * result keeps of it loads again, as the same experiment.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFile memory("experiment.yaml");
    static const LoadOptions load = options();
    const auto input =
        fuzz::file_and_arguments(fuzz::text_of(std::as_bytes(std::span(data, size))));
    memory.write(input.file);
    fuzz::expect_only_errors(
        [&] {
            const LoadedConfig loaded = load_config(memory.path(), input.arguments, load);
            const std::string text = resolved_text(loaded.config);
            try {
                const LoadedConfig again = load_config_text(text, "resolved", {}, load);
                fuzz::expect(resolved_text(again.config) == text,
                             "a config changes when it is kept");
            } catch (const Error&) {
                throw std::logic_error("a config that is kept can't be read");
            }
        },
        fuzz::Lines::several);
    return 0;
}
