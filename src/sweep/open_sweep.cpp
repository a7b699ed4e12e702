#include "sweep/open_sweep.hpp"

#include "core/paths.hpp"
#include "quantization/method.hpp"

namespace comq {

Sweep open_sweep(const std::filesystem::path& file, const std::vector<std::string>& arguments) {
    LoadOptions options;
    options.fragment_folders = {data_folder() / "configs"};
    options.known.methods = method_names();
    options.known.methods.emplace_back("none");
    return expand(load_sweep(file, arguments), options);
}

}  // namespace comq
