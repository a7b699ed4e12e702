#include "sweep/sweep_table_file.hpp"

#include "core/errors.hpp"
#include "storage/atomic_file.hpp"
#include "storage/hdf5.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr const char* table_schema_version = "1.1";
constexpr std::string_view known_major = "1.";

}  // namespace

void write_sweep_table(const fs::path& file, const SweepTable& table) {
    auto hdf5 = Hdf5File::create_in_memory(file.string());
    auto root = hdf5.root();
    root.write_attribute("schema_version", std::string(table_schema_version));
    root.write_attribute("sweep", table.sweep);
    root.write_attribute("points_in_sweep", table.sweep_runs);

    write_columns(root.create_group("points"), table.points);
    write_columns(root.create_group("layers"), table.layers);
    write_file_atomically(file, hdf5.image());
}

bool is_sweep_table(const fs::path& file) {
    try {
        const Hdf5File hdf5 = Hdf5File::open_for_reading(file);
        return hdf5.root().has_attribute("sweep") && hdf5.root().contains("points/point");
    } catch (const Error&) {
        return false;
    }
}

SweepTable read_sweep_table(const fs::path& file) {
    const Hdf5File hdf5 = Hdf5File::open_for_reading(file);
    const Hdf5Group root = hdf5.root();
    const bool has_version = root.has_attribute("schema_version");
    const std::string version = has_version ? root.text_attribute("schema_version") : "";
    if (!version.starts_with(known_major)) {
        throw InputError(
            "{}: schema version '{}' of a sweep's table is not one that this program "
            "reads ({}x); use a later comq",
            file.string(), version, known_major);
    }
    SweepTable table;
    table.sweep = root.text_attribute("sweep");
    table.sweep_runs = static_cast<std::size_t>(root.integer_attribute("points_in_sweep"));
    table.points = read_columns(root.open_group("points"));
    table.layers = read_columns(root.open_group("layers"));
    table.rows = table.points.empty() ? 0 : table.points.front().rows();
    return table;
}

}  // namespace comq
