#include "networks/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "core/nearest_name.hpp"
#include "networks/families/families.hpp"
#include "networks/network.hpp"

namespace comq {

std::shared_ptr<Network> ModelDescription::make() const {
    std::shared_ptr<Network> network = factory({.classes = classes,
                                                .image_size = preprocessing.crop,
                                                .window = window,
                                                .norm_eps = norm_eps});
    network->set_model_name(name);
    network->eval();
    // A block that is not told of one of its layers or norms would hide it from repairs.
    const auto modules = network->modules(/*include_self=*/false);
    COMQ_CHECK(std::ranges::count_if(modules, [](const auto& module) {
                   return dynamic_cast<const Observable*>(module.get()) != nullptr;
               }) <= std::ssize(network->observables()));
    return network;
}

const std::vector<ModelDescription>& model_registry() {
    static const std::vector<ModelDescription> registry = [] {
        std::vector<ModelDescription> all;
        for (const ModelFamily* family : model_families()) {
            for (const ModelDescription& member : family->members) {
                all.push_back(member);
                all.back().family = family->name;
            }
        }
        return all;
    }();
    return registry;
}

const ModelDescription* registered_model(const std::string& name) {
    const auto& registry = model_registry();
    const auto found = std::ranges::find(registry, name, &ModelDescription::name);
    return found == registry.end() ? nullptr : &*found;
}

const ModelDescription& find_model(const std::string& name) {
    if (const auto* model = registered_model(name)) return *model;
    std::vector<std::string> known;
    for (const ModelDescription& model : model_registry()) known.push_back(model.name);
    throw UsageError(
        "model.name: there is no model '{}'; the nearest is '{}' (--list-models "
        "shows all)",
        name, nearest_name(name, known));
}

std::string list_models() {
    std::string table = fmt::format("{:<34}{:>7}  {:<24}{:>7}  {:<13}{}\n", "model", "classes",
                                    "resize, crop", "Top-1", "licence", "source of the checkpoint");
    for (const ModelDescription& model : model_registry()) {
        const Preprocessing& p = model.preprocessing;
        const std::string interpolation =
            p.interpolation == Interpolation::bicubic ? "bicubic" : "bilinear";
        const std::string recipe = p.resize > 0
                                       ? fmt::format("{} {}, {}", interpolation, p.resize, p.crop)
                                       : fmt::format("as is, {}", p.crop);
        const std::string top1 =
            model.expected_top1 ? fmt::format("{:.2f}", *model.expected_top1) : "";
        table += fmt::format("{:<34}{:>7}  {:<24}{:>7}  {:<13}{}\n", model.name, model.classes,
                             recipe, top1, model.license, model.source);
    }
    return table;
}

nlohmann::ordered_json models_json() {
    using OrderedJson = nlohmann::ordered_json;
    auto models = OrderedJson::array();
    for (const ModelDescription& model : model_registry()) {
        OrderedJson entry;
        entry["name"] = model.name;
        entry["family"] = model.family;
        entry["data_set"] = model.data_set;
        entry["classes"] = model.classes;
        entry["preprocessing"] = model.preprocessing.describe();
        entry["top1"] =
            model.expected_top1 ? OrderedJson(*model.expected_top1) : OrderedJson(nullptr);
        entry["checkpoint"] = model.checkpoint;
        entry["license"] = model.license;
        entry["source"] = model.source;
        models.push_back(std::move(entry));
    }
    return models;
}

}  // namespace comq
