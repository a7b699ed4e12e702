#include <cstdlib>
#include <filesystem>
#include <string>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

// A fixture was written by the first version of comq with its schema and is never written again:
// every later version must read it as it is. A minor version that adds a column has its own.

namespace {

RunRecord fixture(const std::string& name) {
    return read_run_file(test::source_dir() / "tests" / "results" / "files" / name,
                         ReadScope::everything);
}

RunRecord sample_of_1_5() {
    auto run = test::sample_run();
    for (auto& layer : run.layers) layer.residual_strength = not_measured;
    run.provenance.layer_norm_eps.clear();
    return run;
}

RunRecord sample_of_1_4() {
    auto run = sample_of_1_5();
    run.full_precision->margin.clear();
    run.quantized->margin.clear();
    run.quantized->kl.clear();
    for (auto& layer : run.layers) layer.cumulative_error = not_measured;
    run.sensitivities.clear();
    run.rotations.clear();
    run.provenance.preprocessing.clear();
    run.provenance.preprocessing_origin.clear();
    run.provenance.position_embedding.clear();
    run.provenance.program_sha256.clear();
    return run;
}

}  // namespace

TEST_CASE("the run file of schema 1.0 is still read, without strengths of propagation") {
    auto expected = sample_of_1_4();
    for (auto& layer : expected.layers) layer.propagation = not_measured;
    expected.activations.clear();
    expected.heldout_images.clear();
    expected.provenance.evaluation_images.clear();
    test::check_equal(fixture("schema_1_0.h5"), expected);
}

TEST_CASE("the run file of schema 1.1 is still read, without ranges of rounded inputs") {
    auto expected = sample_of_1_4();
    expected.activations.clear();
    expected.heldout_images.clear();
    expected.provenance.evaluation_images.clear();
    test::check_equal(fixture("schema_1_1.h5"), expected);
}

TEST_CASE("the run file of schema 1.2 is still read, without the images that were held out") {
    auto expected = sample_of_1_4();
    expected.heldout_images.clear();
    expected.provenance.evaluation_images.clear();
    test::check_equal(fixture("schema_1_2.h5"), expected);
}

TEST_CASE("the run file of schema 1.3 is still read, without the digest of the evaluation images") {
    auto expected = sample_of_1_4();
    expected.provenance.evaluation_images.clear();
    test::check_equal(fixture("schema_1_3.h5"), expected);
}

TEST_CASE("the run file of schema 1.4 is still read, without what 1.5 added") {
    test::check_equal(fixture("schema_1_4.h5"), sample_of_1_4());
}

TEST_CASE("the run file of schema 1.5 is still read, without what 1.6 added") {
    test::check_equal(fixture("schema_1_5.h5"), sample_of_1_5());
}

TEST_CASE("the run file of schema 1.6 is still read") {
    test::check_equal(fixture("schema_1_6.h5"), test::sample_run_with_sets());
}

TEST_CASE("writes a fixture of the schema", "[.write_fixture]") {
    const char* file = std::getenv("COMQ_FIXTURE");
    REQUIRE(file != nullptr);
    write_run_file(file, test::sample_run_with_sets());
    CHECK(std::filesystem::exists(file));
}
