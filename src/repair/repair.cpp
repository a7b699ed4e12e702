#include "repair/repair.hpp"

namespace comq {

std::vector<const Repair*> repairs_of(const RepairConfig& config) {
    std::vector<const Repair*> repairs;
#define COMQ_ADD_REPAIR(repair) \
    if (repair.enabled(config)) repairs.push_back(&repair);
    COMQ_REPAIRS(COMQ_ADD_REPAIR)
#undef COMQ_ADD_REPAIR
    return repairs;
}

}  // namespace comq
