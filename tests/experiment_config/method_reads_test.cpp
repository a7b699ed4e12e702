#include "experiment_config/method_reads.hpp"

#include "experiment_config/config_files.hpp"
#include "experiment_config/config_text.hpp"

using namespace comq;
using namespace comq::test;

namespace {

std::string error_of_file(const std::filesystem::path& file,
                          const std::vector<std::string>& overrides = {}) {
    try {
        load_config(file, overrides);
    } catch (const UsageError& error) {
        CHECK(error.exit_code() == ExitCode::usage);
        return error.what();
    }
    return {};
}

}  // namespace

TEST_CASE("a key that the method does not read is an error that names the methods that do") {
    const ConfigFolder folder;
    const auto plain = folder.write("plain.yaml", complete_config);
    const auto problem = [&](const std::vector<std::string>& overrides) {
        return error_of_file(plain, overrides);
    };
    CHECK(problem({"quantization.method=gptq", "quantization.sweeps=8"}) ==
          "command line: quantization.sweeps=8: key 'quantization.sweeps': gptq does not read it "
          "(beacon, comq do); take it out, or choose another method");
    // The order of the command line does not matter, and a default is no excuse.
    CHECK_THAT(problem({"quantization.preset=paper", "quantization.method=rtn"}),
               ContainsSubstring("rtn does not read it (comq does)"));
    CHECK(problem({"quantization.sweeps=8"}).empty());
    CHECK(problem({"quantization.method=gptq", "quantization.order=cyclic"}).empty());
    const auto file =
        folder.write("gptq.yaml", complete_config + "quantization: {method: gptq, start: rtn}\n");
    CHECK_THAT(error_of_file(file), ContainsSubstring("gptq.yaml:3: key 'quantization.start': "));
    // Methods of others are not known to this program.
    CHECK(problem({"quantization.method=none", "quantization.sweeps=8"}).empty());
    CHECK(problem({"quantization.method=brevitas_gptq", "quantization.sweeps=8"}).empty());
}

TEST_CASE("a method may be chosen above a config that is made for another") {
    const ConfigFolder folder;
    folder.write("base.yaml",
                 "quantization: {method: comq, preset: authors_code, sweeps: 8, order: cyclic}\n");
    const auto file = folder.write("file.yaml", "defaults: [base]\n" + complete_config +
                                                    "quantization: {method: gptq, bits: 3}\n");
    const auto comq = folder.write("comq.yaml", "defaults: [base]\n" + complete_config);
    const auto loaded = load_config(file);
    const std::string text = resolved_text(loaded.config);
    for (const char* unread : {"sweeps", "preset", "scale_update", "start"}) {
        INFO(unread);
        CHECK(text.find(std::string("  ") + unread + ":") == std::string::npos);
        CHECK_FALSE(is_read(std::string("quantization.") + unread, loaded.config));
    }
    CHECK_THAT(text, ContainsSubstring("  order: cyclic\n"));
    // The resolved config is a config of its own, and none of this is another run.
    const auto again = folder.write("again.yaml", text);
    CHECK(resolved_text(load_config(again).config) == text);
    CHECK(identity_text(load_config(again).config) == identity_text(loaded.config));
    CHECK(identity_text(
              load_config(comq, {"quantization.method=gptq", "quantization.bits=3"}).config) ==
          identity_text(loaded.config));
    // What is set above the choice is meant for it.
    CHECK_THAT(error_of_file(file, {"quantization.sweeps=2"}),
               ContainsSubstring("gptq does not read it"));
    const auto below = folder.write(
        "below.yaml", "defaults: [base]\n" + complete_config + "quantization: {start: rtn}\n");
    CHECK(error_of_file(below).empty());
    CHECK(error_of_file(below, {"quantization.method=gptq"}).empty());
}

TEST_CASE("a stored config may hold keys that its method does not read") {
    const std::string stored =
        complete_config + "quantization: {method: gptq, sweeps: 1, preset: authors_code}\n";
    const auto config = load(stored).config;
    CHECK(identity_text(config) ==
          identity_text(load(complete_config + "quantization: {method: gptq}\n").config));
}

TEST_CASE("a key that the layout does not read is an error") {
    const ConfigFolder folder;
    const auto plain = folder.write("plain.yaml", complete_config);
    const auto problem = [&](const std::vector<std::string>& overrides) {
        return error_of_file(plain, overrides);
    };
    CHECK_THAT(problem({"data.layout=cifar10", "data.evaluation=x", "data.calibration=x",
                        "data.synsets=names.txt"}),
               ContainsSubstring("key 'data.synsets': the layout cifar10 does not read it "
                                 "(imagefolder, "));
    CHECK_THAT(problem({"data.labels=val.txt"}), ContainsSubstring("the layout demo does not"));
    const std::vector<std::string> webdataset{"data.layout=webdataset", "data.evaluation=v-*.tar",
                                              "data.calibration=t-{0..9}.tar"};
    auto labelled = webdataset;
    labelled.push_back("data.labels=val.txt");
    CHECK_THAT(problem(labelled), ContainsSubstring("webdataset does not read it (imagefolder, "
                                                    "imagenet_flat, imagenet_tar do)"));
    // null names no file, and words are no paths.
    auto named = webdataset;
    named.insert(named.end(), {"data.labels=null", "data.synsets=imagenet", "data.classes=present",
                               "data.root=/images"});
    const auto data = load_config(plain, named).config.data;
    CHECK(data.synsets == "imagenet");
    CHECK(data.classes == "present");
    CHECK(data.evaluation == "/images/v-*.tar");
    // What stands in an earlier document may be meant for another layout.
    folder.write("base.yaml", "data: {layout: imagenet_flat, labels: val.txt, evaluation: val}\n");
    const auto file = folder.write("file.yaml", "defaults: [base]\n" + complete_config);
    CHECK(resolved_text(load_config(file).config).find("labels:") == std::string::npos);
}
