#include <algorithm>
#include <sstream>
#include <string>

#include "core/random.hpp"
#include "experiment_config/config_files.hpp"
#include "experiment_config/config_text.hpp"

using namespace comq;
using namespace comq::test;

namespace {

const std::string seed_config =
    "# comment\n"
    "model: {name: deit, weights: \"${COMQ_TEST:-w}/a.pth\", sha256: null}\n"
    "data:\n"
    "  root: ~/images\n"
    "  layout: imagefolder\n"
    "  calibration: train\n"
    "  evaluation: 'val'\n"
    "quantization:\n"
    "  preset: paper\n"
    "  bits: 4\n"
    "  layers:\n"
    "    - {match: \"blocks.0.*\", bits: 8}\n"
    "    - match: head\n"
    "      quantize: true\n"
    "evaluation: {images: all, expected_top1: 72.1}\n"
    "resources: {memory: 8GB, threads: 2}\n"
    "seed: 3\n";

const std::vector<std::string> pieces = {"\n",
                                         "  ",
                                         "\t",
                                         ": ",
                                         "- ",
                                         "? ",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         "'",
                                         "\"",
                                         "\\",
                                         "#",
                                         "&a ",
                                         "*a",
                                         "!!str ",
                                         "!<",
                                         "|\n",
                                         ">\n",
                                         "---\n",
                                         "...\n",
                                         "%YAML 1.2\n",
                                         "~",
                                         "null",
                                         "${",
                                         "$$",
                                         "..",
                                         "defaults: [base/comq]\n",
                                         "<<: ",
                                         std::string(1, '\0'),
                                         "\xff",
                                         "\xef\xbb\xbf",
                                         "\xfe\xff",
                                         "é",
                                         "1e999",
                                         "-",
                                         "@",
                                         "`",
                                         "99999999999999999999",
                                         "quantization:\n",
                                         "bits: 4\n",
                                         "\r\n",
                                         std::string(200, '['),
                                         std::string(300, 'x'),
                                         "\\u0000",
                                         "\\xZZ"};

/** One to six random edits of `text`: insertions, deletions, swaps of stretches, changed bytes. */
std::string mutated(std::string text, const RandomStream& random) {
    uint64_t draw = 0;
    const auto below = [&](std::size_t bound) {
        return static_cast<std::size_t>(random.below(draw++, std::max<std::size_t>(bound, 1)));
    };
    for (std::size_t edits = 1 + below(6); edits > 0; --edits) {
        const std::size_t at = below(text.size() + 1);
        switch (below(4)) {
            case 0:
                text.insert(at, pieces[below(pieces.size())]);
                break;
            case 1:
                text.erase(at, 1 + below(12));
                break;
            case 2:
                text.insert(at, text.substr(below(text.size() + 1), below(40)));
                break;
            default:
                if (at < text.size()) text[at] = static_cast<char>(below(256));
        }
    }
    return text;
}

/** Whether the config loads; a refusal must be a UsageError of short lines with a place each. */
bool loads(const std::string& text, const std::vector<std::string>& overrides) {
    try {
        const auto config = load(text, overrides).config;
        const std::string resolved = resolved_text(config);
        CHECK(resolved_text(load(resolved).config) == resolved);
        return true;
    } catch (const UsageError& error) {
        std::istringstream lines(error.what());
        std::string line;
        while (std::getline(lines, line)) {
            CHECK(line.size() < 1000);
            CHECK((line.starts_with("test.yaml:") || line.starts_with("command line: ")));
        }
        return false;
    }
}

}  // namespace

TEST_CASE("mutated configs load or end in a UsageError, never otherwise") {
    const RandomStream random(1, "mutated configs");
    int loaded = 0, refused = 0;
    for (int i = 0; i < 4000; ++i) {
        const std::string text = mutated(seed_config, random.child(std::to_string(i)));
        INFO(text);
        ++(loads(text, {}) ? loaded : refused);
    }
    // Both ends are met often enough for the test to mean something.
    CHECK(loaded > 50);
    CHECK(refused > 1000);
}

TEST_CASE("mutated overrides load or end in a UsageError, never otherwise") {
    const RandomStream random(2, "mutated overrides");
    const std::vector<std::string> seeds = {
        "quantization.layers=[{match: \"blocks.0.*\", bits: 8}]", "resources.memory=500MB",
        "quantization={bits: 3, sweeps: 2}", "data.root=${COMQ_TEST:-x}/y", "seed=12"};
    int loaded = 0, refused = 0;
    for (int i = 0; i < 4000; ++i) {
        const auto stream = random.child(std::to_string(i));
        const std::string text = mutated(seeds[static_cast<std::size_t>(i) % seeds.size()], stream);
        INFO(text);
        ++(loads(seed_config, {text}) ? loaded : refused);
    }
    CHECK(loaded > 50);
    CHECK(refused > 1000);
}

TEST_CASE("random bytes end in a UsageError") {
    const RandomStream random(3, "random bytes");
    for (uint64_t i = 0; i < 500; ++i) {
        const auto stream = random.child(std::to_string(i));
        std::string text(stream.below(0, 200), '\0');
        for (std::size_t k = 0; k < text.size(); ++k) {
            // Half of the texts are of printable characters, so that they get past the first check.
            text[k] = static_cast<char>(i % 2 == 0 ? stream.below(k + 1, 256)
                                                   : 32 + stream.below(k + 1, 95));
        }
        INFO(text);
        CHECK_FALSE(loads(text, {}));
    }
}
