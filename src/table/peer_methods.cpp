#include "table/peer_methods.hpp"

#include <algorithm>

namespace comq {

namespace {

constexpr std::string_view method_key = "quantization.method=";

}  // namespace

const std::vector<std::string>& peer_methods() {
    static const std::vector<std::string> names{"brevitas_gpfq", "brevitas_gptq", "brevitas_qronos",
                                                "brevitas_rtn"};
    return names;
}

KnownNames with_peers(KnownNames known) {
    known.methods.insert(known.methods.end(), peer_methods().begin(), peer_methods().end());
    return known;
}

std::optional<std::string> peer_method(const std::vector<std::string>& overrides) {
    for (const std::string& word : overrides) {
        if (!word.starts_with(method_key)) continue;
        const std::string name = word.substr(method_key.size());
        if (std::ranges::find(peer_methods(), name) != peer_methods().end()) return name;
    }
    return std::nullopt;
}

}  // namespace comq
