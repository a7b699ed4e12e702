#include "results/run_file.hpp"

#include <charconv>
#include <cmath>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "results/record_columns.hpp"
#include "storage/hdf5.hpp"
#include "storage/hdf5_handle.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr int known_major = 1;

/** Reads the objects of one file, with its name in every message. */
class Reader {
  public:
    explicit Reader(const fs::path& file) : file_(file.string()) {}

    template <typename... Args>
    [[noreturn]] void fail(const std::string& object, fmt::format_string<Args...> what,
                           Args&&... args) const {
        throw InputError("{}: {}: {}", file_, object,
                         fmt::format(what, std::forward<Args>(args)...));
    }

    Hdf5Group group(const Hdf5Group& parent, const std::string& name) const {
        if (!parent.contains(name)) fail(parent.path(), "has no group '{}'", name);
        return parent.open_group(name);
    }

    Hdf5Dataset dataset(const Hdf5Group& parent, const std::string& name) const {
        if (!parent.contains(name)) fail(parent.path(), "has no column '{}'", name);
        return parent.open_dataset(name);
    }

    template <typename T>
    void attribute(const Hdf5Object& object, const std::string& name, T& value) const {
        if (!object.has_attribute(name)) fail(object.path(), "has no attribute '{}'", name);
        if constexpr (std::is_same_v<T, std::string>) {
            value = object.text_attribute(name);
        } else if constexpr (std::is_floating_point_v<T>) {
            value = object.real_attribute(name);
        } else {
            value = static_cast<T>(object.integer_attribute(name));
        }
    }

    template <typename T>
    void column(const Hdf5Group& group, const std::string& name, std::vector<T>& values) const {
        const Hdf5Dataset column = dataset(group, name);
        if (column.shape().size() != 1) {
            fail(column.path(), "is {}, expected one dimension", format_shape(column.shape()));
        }
        if constexpr (std::is_same_v<T, std::string>) {
            values = column.texts();
        } else if constexpr (std::is_same_v<T, double>) {
            values = column.reals();
        } else {
            values = column.integers();
        }
    }

    /** A column with as many rows as the column `scale`. */
    template <typename T>
    void column(const Hdf5Group& group, const std::string& name, std::vector<T>& values,
                const std::string& scale, std::size_t rows) const {
        column(group, name, values);
        if (values.size() != rows) {
            fail(group.path() + "/" + name, "has {} rows, but '{}' has {}", values.size(), scale,
                 rows);
        }
    }

    HostTensor matrix(const Hdf5Group& group, const std::string& name, DType dtype,
                      int64_t rows) const {
        HostTensor tensor = dataset(group, name).tensor();
        if (tensor.dtype != dtype || tensor.shape.size() != 2 || tensor.shape[0] != rows) {
            fail(group.path() + "/" + name, "is {} {}, expected {} of 2 dimensions with {} rows",
                 name_of(tensor.dtype), format_shape(tensor.shape), name_of(dtype), rows);
        }
        return tensor;
    }

  private:
    std::string file_;
};

void check_version(const Reader& reader, const Hdf5Group& root, const std::string& file) {
    if (!root.has_attribute("schema_version")) {
        reader.fail("/", "has no attribute 'schema_version', so this is no result file of comq");
    }
    if (root.has_attribute("sweep")) {
        throw UsageError(
            "{}: is the table of the sweep {}, not the result of one run; "
            "inspect_results prints it, and the results of its runs lie beside it "
            "(ID.h5)",
            file, root.text_attribute("sweep"));
    }
    const std::string version = root.text_attribute("schema_version");
    int major = 0;
    const char* end = version.data() + version.size();
    const auto [point, error] = std::from_chars(version.data(), end, major);
    if (error != std::errc() || point == end || *point != '.' || major < 1) {
        reader.fail("/", "'schema_version' is '{}', which is no version", version);
    }
    if (major > known_major) {
        reader.fail("/",
                    "schema version {} is later than this program reads ({}.x); use a later comq",
                    version, known_major);
    }
}

void check_status(const Reader& reader, const Hdf5Group& root) {
    std::string status;
    reader.attribute(root, "status", status);
    if (status != complete_status) {
        reader.fail("/", "'status' is '{}', expected {}", status, complete_status);
    }
}

/** Other writers know less of these; what is absent stays empty. */
void read_provenance(const Reader& reader, const Hdf5Group& group, Provenance& provenance) {
    visit_fields(provenance, [&](const char* name, auto& value) {
        if (group.has_attribute(name)) reader.attribute(group, name, value);
    });
}

/** Which of an evaluation's columns are read. */
struct ImageColumns {
    bool names = true;     ///< and labels
    bool outcomes = true;  ///< predictions and margins
};

EvaluationRecord read_evaluation(const Reader& reader, const Hdf5Group& group,
                                 ImageColumns columns) {
    EvaluationRecord evaluation;
    reader.attribute(group, "top1", evaluation.top1);
    reader.attribute(group, "top5", evaluation.top5);
    reader.attribute(group, "top1_standard_error", evaluation.top1_standard_error);
    reader.attribute(group, "images", evaluation.images);
    auto rows = static_cast<std::size_t>(evaluation.images);
    if (columns.names) {
        reader.column(group, "image", evaluation.image);
        rows = evaluation.image.size();
        reader.column(group, "label", evaluation.label, "image", rows);
    }
    if (columns.outcomes && group.contains("margin")) {  // since 1.5
        reader.column(group, "margin", evaluation.margin, "image", rows);
    }
    if (group.contains("kl")) reader.column(group, "kl", evaluation.kl, "image", rows);
    if (columns.outcomes) {
        reader.column(group, "prediction", evaluation.prediction, "image", rows);
        std::vector<int64_t> in_top5;
        reader.column(group, "in_top5", in_top5, "image", rows);
        evaluation.in_top5.assign(in_top5.begin(), in_top5.end());
    }
    return evaluation;
}

void read_evaluations(const Reader& reader, const Hdf5Group& group, ReadScope scope,
                      Evaluations& of) {
    if (group.has_attribute("agreement")) of.agreement = group.real_attribute("agreement");
    const bool all = scope != ReadScope::figures;
    if (group.contains("full_precision")) {
        of.full_precision =
            read_evaluation(reader, group.open_group("full_precision"), {true, all});
    }
    if (group.contains("quantized")) {
        // On the same images.
        const bool named = all || !of.full_precision;
        of.quantized = read_evaluation(reader, group.open_group("quantized"), {named, all});
    }
}

std::vector<SetRecord> read_sets(const Reader& reader, const Hdf5Group& sets, ReadScope scope) {
    std::vector<SetRecord> records;
    for (const std::string& name : sets.names()) {
        const Hdf5Group group = sets.open_group(name);
        SetRecord& record = records.emplace_back();
        record.name = name;
        reader.attribute(group, "evaluation_images", record.images);
        read_evaluations(reader, group, scope, record);
    }
    return records;
}

/** As many records as the first column, which names the rows, is long. */
template <typename Record>
std::vector<Record> read_records(const Reader& reader, const Hdf5Group& group,
                                 ReadScope scope = ReadScope::summary) {
    std::vector<Record> records;
    const std::string& naming = record_columns<Record>().front().name;
    for (const auto& column : record_columns<Record>()) {
        if (scope == ReadScope::figures && !column.in_figures) continue;
        if (column.minor > 0 && !group.contains(column.name)) continue;
        std::visit(
            [&](auto field) {
                std::vector<std::decay_t<decltype(records.front().*field)>> values;
                if (column.name == naming) {
                    reader.column(group, column.name, values);
                    records.resize(values.size());
                } else {
                    reader.column(group, column.name, values, naming, records.size());
                }
                for (std::size_t i = 0; i < records.size(); ++i) records[i].*field = values[i];
            },
            column.field);
    }
    return records;
}

/** Each scale is that of as many inputs, and has a zero point. */
void check_groups(const Reader& reader, const Hdf5Group& group, const LayerRecord& layer) {
    const int64_t groups = layer.scale.shape[1];
    if (layer.zero_point.shape[1] != groups) {
        reader.fail(group.path() + "/zero_point", "has {} columns, but 'scale' has {}",
                    layer.zero_point.shape[1], groups);
    }
    if (layer.in_features > 0 && (groups < 1 || layer.in_features % groups != 0)) {
        reader.fail(group.path() + "/scale",
                    "has {} columns, which do not divide 'in_features', {}", groups,
                    layer.in_features);
    }
}

/** A flipped bit would otherwise be a weight like any other. */
void check_levels(const Reader& reader, const Hdf5Group& group, const LayerRecord& layer) {
    if (layer.bits < 1 || layer.bits > 8) {
        reader.fail(group.path(), "'bits' is {}, expected 1 to 8", layer.bits);
    }
    for (const uint8_t code : layer.bit_code.as<uint8_t>()) {
        if (code >> layer.bits == 0) continue;
        reader.fail(group.path() + "/bit_code", "{} is no code of {} bits: the file is damaged",
                    code, layer.bits);
    }
    for (const auto& [name, values] :
         {std::pair("scale", layer.scale), std::pair("zero_point", layer.zero_point)}) {
        for (const float value : values.as<float>()) {
            if (std::isfinite(value)) continue;
            reader.fail(group.path() + "/" + name, "{} is no number: the file is damaged", value);
        }
    }
}

void read_codes(const Reader& reader, const Hdf5Group& codes, std::vector<LayerRecord>& layers) {
    for (LayerRecord& layer : layers) {
        const Hdf5Group group = reader.group(codes, layer.name);
        layer.bit_code = reader.matrix(group, "bit_code", DType::u8, layer.out_features);
        layer.scale = reader.matrix(group, "scale", DType::f32, layer.out_features);
        layer.zero_point = reader.matrix(group, "zero_point", DType::f32, layer.out_features);
        if (layer.bit_code.shape[1] != layer.in_features) {
            reader.fail(group.path() + "/bit_code", "has {} columns, but 'in_features' is {}",
                        layer.bit_code.shape[1], layer.in_features);
        }
        check_groups(reader, group, layer);
        check_levels(reader, group, layer);
    }
}

std::vector<ActivationRecord> read_activations(const Reader& reader, const Hdf5Group& activations) {
    std::vector<ActivationRecord> records;
    for (const std::string& layer : activations.names()) {
        const Hdf5Group group = activations.open_group(layer);
        ActivationRecord& record = records.emplace_back();
        record.layer = layer;
        reader.attribute(group, "bits", record.bits);
        if (!group.contains("minimum")) continue;
        record.minimum = reader.dataset(group, "minimum").tensor();
        record.maximum = reader.dataset(group, "maximum").tensor();
        if (record.minimum.dtype != DType::f32 || record.maximum.dtype != DType::f32 ||
            record.minimum.shape.size() != 1 || record.minimum.shape != record.maximum.shape) {
            reader.fail(group.path(), "'minimum' and 'maximum' are no F32 columns of one length");
        }
    }
    return records;
}

}  // namespace

RunRecord read_run_file(const fs::path& file, ReadScope scope) {
    require_file(file);
    const Hdf5File hdf5 = Hdf5File::open_for_reading(file);
    // Held for all objects: threads that read a file each would hand it to and fro at every call.
    const Hdf5Guard guard;
    const Hdf5Group root = hdf5.root();
    const Reader reader(file);
    check_version(reader, root, file.string());

    RunRecord run;
    check_status(reader, root);
    reader.attribute(root, "config", run.config);
    reader.attribute(root, "identity", run.identity);
    reader.attribute(root, "uses_labels", run.uses_labels);
    reader.attribute(root, "uses_gradients", run.uses_gradients);
    read_provenance(reader, reader.group(root, "provenance"), run.provenance);
    const Hdf5Group evaluation = reader.group(root, "evaluation");
    read_evaluations(reader, evaluation, scope, run);
    if (evaluation.contains("sets")) {  // since 1.6
        run.sets = read_sets(reader, evaluation.open_group("sets"), scope);
    }
    const Hdf5Group size = reader.group(root, "model_size");
    reader.attribute(size, "float_bytes", run.model_size.float_bytes);
    reader.attribute(size, "quantized_bytes", run.model_size.quantized_bytes);
    reader.attribute(size, "average_bits_with_scales", run.model_size.average_bits_with_scales);
    run.layers = read_records<LayerRecord>(reader, reader.group(root, "layers"), scope);
    reader.column(reader.group(root, "calibration"), "image", run.calibration_images);
    if (root.contains("heldout")) {  // since 1.3
        reader.column(reader.group(root, "heldout"), "image", run.heldout_images);
    }
    run.stages = read_records<StageRecord>(reader, reader.group(root, "stages"));
    if (scope == ReadScope::figures) return run;
    if (root.contains("sensitivity")) {  // since 1.5
        run.sensitivities = read_records<SensitivityRecord>(reader, root.open_group("sensitivity"));
    }
    if (root.contains("rotations")) {  // since 1.5
        run.rotations = read_records<RotationRecord>(reader, root.open_group("rotations"));
    }
    if (root.contains("activations")) {
        run.activations = read_activations(reader, root.open_group("activations"));
    }
    if (scope == ReadScope::everything) {
        read_codes(reader, reader.group(root, "codes"), run.layers);
        const Hdf5Group parameters = reader.group(root, "parameters");
        for (const std::string& name : parameters.names()) {
            run.parameters[name] = parameters.open_dataset(name).tensor();
        }
    }
    return run;
}

}  // namespace comq
