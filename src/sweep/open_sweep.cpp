#include "sweep/open_sweep.hpp"

#include "core/paths.hpp"

namespace comq {

Sweep open_sweep(const std::filesystem::path& file, const std::vector<std::string>& arguments,
                 const KnownNames& known) {
    return expand(load_sweep(file, arguments), {known, {data_folder() / "configs"}});
}

}  // namespace comq
