#include "fuzz/fuzz_target.hpp"
#include "sweep/sweep_spec.hpp"

using namespace comq;

namespace {

/** Each point reads the config of the experiment, so that a large sweep takes minutes. */
constexpr std::size_t most_points = 16;

std::size_t values_of(const YamlNode& map) {
    std::size_t product = 1;
    for (const auto& entry : map.entries) {
        const YamlNode& value = entry.value;
        const std::size_t count =
            value.kind == YamlNode::Kind::map ? values_of(value) : value.items.size();
        product = std::min(product * std::max<std::size_t>(count, 1), most_points + 1);
    }
    return product;
}

}  // namespace

/** Any bytes are a sweep with arguments of the command line, of small ones all points, or a
 * UsageError. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFile memory("sweep.yaml");
    const auto input =
        fuzz::file_and_arguments(fuzz::text_of(std::as_bytes(std::span(data, size))));
    memory.write(input.file);
    fuzz::expect_only_errors(
        [&] {
            const SweepSpec spec = load_sweep(memory.path(), input.arguments);
            const std::size_t points = values_of(spec.grid) * values_of(spec.zip) *
                                       std::max<std::size_t>(spec.points.items.size(), 1);
            if (points <= most_points) open_sweep(memory.path(), input.arguments);
        },
        fuzz::Lines::several);
    return 0;
}
