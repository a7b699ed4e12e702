#include "networks/programs/fused_calls.hpp"

#include <algorithm>

#include "networks/exported_programs.hpp"
#include "networks/programs/program_network.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Of a program, as if nothing cut it. */
struct Chains {
    std::shared_ptr<const Program> program;
    std::map<std::size_t, FusedChain> by_product;

    explicit Chains(const std::filesystem::path& file) {
        ProgramArchive archive(file);
        program = read_program(archive);
        const ProgramGraph& graph = program->graph;
        Stretch whole{graph.images, graph.logits, {}, graph.nodes.size()};
        for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
            whole.steps.push_back({node, {}});
        }
        by_product = find_fused_chains(graph, {whole});
    }

    /** "conv2d batch_norm add relu" of each, in the order of the products. */
    std::vector<std::string> texts() const {
        std::vector<std::string> all;
        for (const auto& [product, chain] : by_product) {
            std::string& text = all.emplace_back();
            for (const std::size_t node : chain.nodes) {
                const std::string& target = program->graph.nodes[node].target;
                const std::string operation = target.substr(target.find('.') + 1);
                text += (text.empty() ? "" : " ") + operation.substr(0, operation.find('.'));
            }
        }
        return all;
    }
};

}  // namespace

TEST_CASE("a product is computed with the norm, the sum and the activation behind it") {
    COMQ_NEED_PROGRAMS(programs);
    const auto blocks = Chains(programs / "demovit.pt2").texts();
    CHECK(std::ranges::count(blocks, "linear add") == 10);  // two of each of five blocks
    CHECK(std::ranges::count(blocks, "linear gelu") == 5);

    const auto residual = Chains(programs / "groupedresidual.pt2").texts();
    CHECK(std::ranges::count(residual, "conv2d batch_norm add relu") == 1);  // the shortcut's
    CHECK(std::ranges::count(residual, "conv2d batch_norm relu") == 3);
    CHECK(std::ranges::count(residual, "conv2d batch_norm") == 1);
}

TEST_CASE("a sum is taken by the product whose other term is known, and by one alone") {
    COMQ_NEED_PROGRAMS(programs);
    for (const std::string name : {"demovit", "groupedresidual", "residual", "branches"}) {
        INFO(name);
        const Chains chains(programs / (name + ".pt2"));
        const auto& nodes = chains.program->graph.nodes;
        std::vector<std::size_t> taken;
        for (const auto& [product, chain] : chains.by_product) {
            taken.insert(taken.end(), chain.nodes.begin(), chain.nodes.end());
            if (!chain.addend) continue;
            for (std::size_t node = product; node < nodes.size(); ++node) {
                for (const auto& result : nodes[node].results) {
                    CHECK(std::ranges::count(result.values, *chain.addend) == 0);
                }
            }
        }
        std::ranges::sort(taken);
        CHECK(std::ranges::adjacent_find(taken) == taken.end());
    }
}
