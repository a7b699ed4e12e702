#include <fmt/format.h>

#include <cstdlib>

#include "core/child_process.hpp"
#include "results/run_file.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/made_runs.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** python3 of the path or the system's, when it has what the script needs. */
std::string python_for_figures() {
    for (const std::string python : {"python3", "/usr/bin/python3"}) {
        const std::string check = python + " -c 'import h5py, matplotlib, yaml' >/dev/null 2>&1";
        if (std::system(check.c_str()) == 0) return python;
    }
    return {};
}

/** Draws plots of made-up runs, which lie in a folder of the test. */
class Plots {
  public:
    explicit Plots(std::string python) : python_(std::move(python)) {}

    void add(const std::string& name, std::vector<std::string> overrides,
             const std::string& layer = "blocks.0.attn.qkv") {
        auto run = test::record_of({std::move(overrides)});
        for (auto& record : run.layers) record.name = layer;
        write_run_file(runs() / name, run);
    }

    /** Exit code of the script; there are both files exactly when it is 0. */
    int draw(std::vector<std::string> arguments) {
        const std::string output = (folder_ / std::to_string(++drawn_)).string();
        const auto script = test::source_dir() / "scripts" / "plot_results.py";
        arguments.insert(arguments.begin(), {"/usr/bin/env", python_, script.string()});
        arguments.insert(arguments.end(), {"-o", output});
        const int exit_code = ChildProcess(arguments, folder_ / "log").wait();
        INFO(printed());
        CHECK((exit_code == 0) == fs::exists(output + ".pdf"));
        CHECK((exit_code == 0) == fs::exists(output + ".png"));
        return exit_code;
    }

    /** What the script said last. */
    std::string printed() const { return test::text_of(folder_ / "log"); }
    fs::path runs() const { return folder_ / "runs"; }
    std::string run(const std::string& name) const { return (runs() / name).string(); }

  private:
    std::string python_;
    fs::path folder_ = test::temporary_folder();
    int drawn_ = 0;
};

}  // namespace

#define COMQ_NEED_PLOTS(name)                                            \
    const std::string python = python_for_figures();                     \
    if (python.empty()) {                                                \
        test::skip("python", "Python with h5py, matplotlib and PyYAML"); \
        return;                                                          \
    }                                                                    \
    Plots name(python)

TEST_CASE("figures are drawn from result files as PDF and PNG") {
    COMQ_NEED_PLOTS(plots);
    plots.add("a.h5", {"quantization.bits=3"});
    plots.add("b.h5", {"quantization.bits=3", "seed=1"});
    plots.add("c.h5", {"quantization.bits=4"});
    plots.add("d.h5", {"quantization.method=rtn"});
    const std::string runs = plots.runs().string();
    CHECK(plots.draw({"layers", plots.run("a.h5")}) == 0);
    CHECK(plots.draw({"bits", runs}) == 0);
    CHECK(plots.draw({"bits", runs, "--drop", "--width", "3.4", "--title", "Two methods"}) == 0);
    CHECK(plots.draw({"bits", runs, "--metric", "agreement", "--width", "7"}) == 0);
    CHECK(plots.draw({"bits", runs, "--width", "0.5"}) == 2);
    CHECK(plots.draw({"bits", runs, "--metric", "error", "--drop"}) == 1);
    CHECK_THAT(plots.printed(), ContainsSubstring("error: --drop is of an accuracy"));
    CHECK(plots.draw({"bits", runs, "--metric", "heldout"}) == 1);
    CHECK_THAT(plots.printed(), ContainsSubstring("calibration.holdout=64 measures it"));
}

TEST_CASE("a plot has a line for every setting and drops none") {
    COMQ_NEED_PLOTS(plots);
    plots.add("a.h5", {"quantization.bits=3"});
    plots.add("b.h5", {"quantization.bits=4"});
    plots.add("c.h5", {"quantization.bits=3", "quantization.order=cyclic"});
    plots.add("d.h5", {"quantization.bits=4", "quantization.order=cyclic"});
    plots.add("e.h5", {"quantization.method=gptq"});
    plots.add("f.h5", {"quantization.method=comq_plus", "quantization.zero_point=real"});
    const std::string runs = plots.runs().string();
    CHECK(plots.draw({"ablation", runs, "--key", "quantization.bits"}) == 0);
    CHECK_THAT(plots.printed(),
               ContainsSubstring("shown: GPTQ; COMQ (paper), order=cyclic; "
                                 "COMQ (paper), order=greedy; comq_plus, real zero points"));
    CHECK(plots.draw({"bits", runs}) == 0);
    CHECK_THAT(plots.printed(), ContainsSubstring("COMQ (paper), order=cyclic"));
    CHECK(plots.draw({"ablation", runs, "--key", "quantization.sweeps"}) == 1);
    CHECK_THAT(plots.printed(),
               ContainsSubstring("error: no two runs of one model differ in quantization.sweeps"));
    for (int images = 100; images < 112; ++images) {
        plots.add(fmt::format("{}.h5", images), {fmt::format("calibration.images={}", images)});
    }
    CHECK(plots.draw({"bits", runs}) == 1);
    CHECK_THAT(plots.printed(), ContainsSubstring("16 lines cannot be told apart"));
}

TEST_CASE("networks have panels of their own") {
    COMQ_NEED_PLOTS(plots);
    for (const std::string bits : {"3", "4"}) {
        plots.add("vit" + bits + ".h5", {"quantization.bits=" + bits});
        plots.add("cnn" + bits + ".h5", {"quantization.bits=" + bits, "model.name=demo_cnn"});
    }
    CHECK(plots.draw({"bits", plots.runs().string()}) == 0);
    CHECK_THAT(plots.printed(), ContainsSubstring("shown: full precision; COMQ (paper)\n"));
    CHECK(plots.draw({"ablation", plots.runs().string(), "--key", "quantization.bits"}) == 0);
    CHECK_THAT(plots.printed(), ContainsSubstring("shown: demo ViT; demo CNN\n"));
}

TEST_CASE("layers of several runs are drawn together when they are the same") {
    COMQ_NEED_PLOTS(plots);
    plots.add("a.h5", {"quantization.bits=3"});
    plots.add("b.h5", {"quantization.bits=4"});
    plots.add("c.h5", {"quantization.bits=4"}, "blocks.0.attn.proj");
    CHECK(plots.draw({"layers", plots.run("a.h5"), plots.run("b.h5")}) == 0);
    CHECK_THAT(plots.printed(), ContainsSubstring("COMQ (paper), 3 bits") &&
                                    ContainsSubstring("COMQ (paper), 4 bits"));
    CHECK(plots.draw({"layers", plots.run("a.h5"), plots.run("c.h5")}) == 1);
    CHECK_THAT(plots.printed(), ContainsSubstring("have other layers: blocks.0.attn.proj"));
    CHECK(plots.draw({"layers", plots.run("a.h5"), "--drop"}) == 1);
}

TEST_CASE("cumulative errors, sensitivities and sizes are drawn where they were measured") {
    COMQ_NEED_PLOTS(plots);
    plots.add("without.h5", {"quantization.bits=4"});
    RunRecord run = test::record_of({{"quantization.bits=3"}});
    run.model_size = {1000, 160, 3.5};
    for (auto& layer : run.layers) {
        layer.cumulative_error = 0.25;
        for (const int64_t bits : {2, 3}) run.sensitivities.push_back({layer.name, bits, 0.5, 0.1});
    }
    write_run_file(plots.runs() / "with.h5", run);
    CHECK(plots.draw({"layers", plots.run("with.h5"), "--metric", "cumulative"}) == 0);
    CHECK(plots.draw({"sensitivity", plots.run("with.h5")}) == 0);
    CHECK_THAT(plots.printed(), ContainsSubstring("each alone at 2 bits; each alone at 3 bits"));
    CHECK(plots.draw({"pareto", plots.run("with.h5"), "--size", "megabytes"}) == 0);
    CHECK_THAT(plots.printed(), ContainsSubstring("nothing smaller is better"));

    CHECK(plots.draw({"layers", plots.run("without.h5"), "--metric", "cumulative"}) == 1);
    CHECK_THAT(plots.printed(), ContainsSubstring("has no cumulative_error"));
    CHECK(plots.draw({"sensitivity", plots.run("without.h5")}) == 1);
    CHECK_THAT(plots.printed(), ContainsSubstring("sensitivity.bits=[2,3,4]"));
    CHECK(plots.draw({"bits", plots.runs().string(), "--metric", "cumulative"}) == 1);
}
