#include "networks/families/families.hpp"

namespace comq {

const std::vector<const ModelFamily*>& model_families() {
#define COMQ_LIST_FAMILY(family) &family,
    static const std::vector<const ModelFamily*> families{COMQ_MODEL_FAMILIES(COMQ_LIST_FAMILY)};
#undef COMQ_LIST_FAMILY
    return families;
}

const ModelFamily* find_family(const std::string& name) {
    for (const ModelFamily* family : model_families()) {
        if (family->name == name) return family;
    }
    return nullptr;
}

std::string recognised_family(const TensorMap& tensors) {
    for (const ModelFamily* family : model_families()) {
        for (const FamilyMark& mark : family->marks) {
            if (tensors.contains(mark.tensor)) return mark.what;
        }
    }
    return {};
}

}  // namespace comq
