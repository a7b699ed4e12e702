#include "table/peer_methods.hpp"

#include <algorithm>

namespace comq {

const std::vector<std::string>& peer_methods() {
    static const std::vector<std::string> names{"brevitas_gpfq", "brevitas_gptq", "brevitas_qronos",
                                                "brevitas_rtn"};
    return names;
}

KnownNames with_peers(KnownNames known) {
    known.methods.insert(known.methods.end(), peer_methods().begin(), peer_methods().end());
    return known;
}

std::optional<std::string> peer_method(const std::vector<Setting>& settings) {
    for (const Setting& setting : settings) {
        if (setting.key != "quantization.method") continue;
        const auto found = std::ranges::find(peer_methods(), setting.value.scalar);
        if (found != peer_methods().end()) return *found;
    }
    return std::nullopt;
}

}  // namespace comq
