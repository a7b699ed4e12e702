#include "networks/registry.hpp"

#include <set>

#include "core/errors.hpp"
#include "networks/network.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("every entry of the registry is complete and has its own name") {
    std::set<std::string> names;
    for (const ModelDescription& model : model_registry()) {
        INFO(model.name);
        CHECK(names.insert(model.name).second);
        CHECK_FALSE(model.family.empty());
        CHECK_FALSE(model.checkpoint.empty());
        CHECK_FALSE(model.source.empty());
        CHECK_FALSE(model.license.empty());
        CHECK(model.classes == (model.data_set == "imagenet" ? 1000 : 10));
        CHECK((model.preprocessing.resize == 0 ||
               model.preprocessing.resize >= model.preprocessing.crop));
        if (model.expected_top1) {
            CHECK(*model.expected_top1 > 50);
            CHECK(*model.expected_top1 < 100);
        }
    }
    CHECK(names.size() >= 30);
}

TEST_CASE("an unknown model's error names the nearest one") {
    CHECK_THROWS_WITH(find_model("deit_tiny_patch16_244"),
                      ContainsSubstring("deit_tiny_patch16_224"));
    CHECK_THROWS_AS(find_model(""), UsageError);
    CHECK(find_model("resnet18").family == "resnet");
}

TEST_CASE("the table of models has a line for each") {
    const std::string table = list_models();
    for (const ModelDescription& model : model_registry()) {
        CHECK_THAT(table, ContainsSubstring(model.name + " "));
    }
    CHECK_THAT(table, ContainsSubstring("bicubic 248, 224"));
}

TEST_CASE("a made network is in evaluation mode and knows its name") {
    const auto network = find_model("demo_cnn").make();
    CHECK_FALSE(network->is_training());
    CHECK(network->model_name() == "demo_cnn");
}

TEST_CASE("the weights of the demo networks fit into the source tree") {
    for (const char* name : {"demo_vit", "demo_cnn"}) {
        INFO(name);
        std::size_t bytes = 0;
        for (const auto& [key, tensor] : find_model(name).make()->state_dict()) {
            bytes += tensor.nbytes();
        }
        CHECK(bytes < 1'200'000);
    }
}
