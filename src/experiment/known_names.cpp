#include "experiment/known_names.hpp"

#include "data/layouts.hpp"
#include "networks/registry.hpp"
#include "quantization/method.hpp"

namespace comq {

KnownNames known_names() {
    KnownNames known;
    for (const auto& description : model_registry()) known.models.push_back(description.name);
    known.methods = method_names();
    known.methods.emplace_back("none");
    known.layouts = data_layout_names();
    return known;
}

}  // namespace comq
