#include "experiment/known_names.hpp"

#include "data/layouts.hpp"
#include "networks/published_checkpoints.hpp"
#include "quantization/method.hpp"

namespace comq {

KnownNames known_names() {
    KnownNames known;
    known.models = known_model_names();
    known.methods = method_names();
    known.methods.emplace_back("none");
    known.layouts = data_layout_names();
    return known;
}

}  // namespace comq
