#include "results/run_record.hpp"

namespace comq {

std::string_view name_of(RunStatus status) {
    switch (status) {
        case RunStatus::complete:
            return "complete";
        case RunStatus::partial:
            return "partial";
        case RunStatus::gate_failed:
            return "gate_failed";
    }
    return "";
}

}  // namespace comq
