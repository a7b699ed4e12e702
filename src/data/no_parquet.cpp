#include "core/errors.hpp"
#include "data/layouts.hpp"

namespace comq {

const DataLayout parquet_layout{
    "parquet",
    {"calibration", "evaluation", "synsets", "classes"},
    [](const DataConfig& /*config*/, Split /*split*/) -> std::unique_ptr<ImageSource> {
        throw UsageError(
            "data.layout: parquet is read with Apache Arrow, and this comq was built without it; "
            "scripts/setup.sh builds it with");
    },
    true};

}  // namespace comq
