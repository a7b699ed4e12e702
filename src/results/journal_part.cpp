#include "results/journal_part.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "results/record_columns.hpp"
#include "storage/safetensors.hpp"

namespace comq {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* part_version = "1";

std::string digest_of(const JournalPart& part) {
    Sha256 hash;
    hash.update(part.record);
    for (const auto& [name, tensor] : part.tensors) {
        hash.update(
            fmt::format("\n{} {} {}\n", name, name_of(tensor.dtype), format_shape(tensor.shape)));
        hash.update(tensor.bytes());
    }
    return hash.hex_digest();
}

/** JSON has no NaN and no infinity. */
json to_json(double value) {
    if (std::isfinite(value)) return value;
    return std::isnan(value) ? "nan" : (value > 0 ? "inf" : "-inf");
}

template <typename T>
void from_json(const json& item, T& value) {
    if constexpr (std::is_same_v<T, double>) {
        value = item.is_string() ? std::stod(item.get<std::string>()) : item.get<double>();
    } else {
        value = item.get<T>();
    }
}

const HostTensor& tensor_of(const JournalPart& part, const char* name, DType dtype,
                            std::size_t dimensions, const fs::path& file) {
    const auto found = part.tensors.find(name);
    if (found == part.tensors.end() || found->second.dtype != dtype ||
        found->second.shape.size() != dimensions) {
        throw InputError("{}: holds no {} tensor '{}' of {} dimensions", file.string(),
                         name_of(dtype), name, dimensions);
    }
    return found->second;
}

template <typename T>
constexpr DType column_type = std::is_same_v<T, double> ? DType::f64 : DType::i64;

}  // namespace

void write_journal_part(const fs::path& file, const JournalPart& part) {
    write_safetensors(
        file, part.tensors,
        {{"comq_part", part_version}, {"record", part.record}, {"sha256", digest_of(part)}});
}

JournalPart read_journal_part(const fs::path& file) {
    SafetensorsFile stored;
    try {
        stored = read_safetensors(file);
    } catch (const InputError&) {
        throw InputError("{}: is cut or damaged", file.string());
    }
    if (stored.metadata["comq_part"] != part_version) {
        throw InputError("{}: is no journal part of version {}", file.string(), part_version);
    }
    JournalPart part{stored.metadata["record"], std::move(stored.tensors)};
    if (digest_of(part) != stored.metadata["sha256"]) {
        throw InputError("{}: does not match its checksum", file.string());
    }
    return part;
}

JournalPart to_part(const LayerRecord& layer) {
    json record;
    for (const auto& column : record_columns<LayerRecord>()) {
        std::visit(
            [&](auto field) {
                if constexpr (std::is_same_v<decltype(field), double LayerRecord::*>) {
                    record[column.name] = to_json(layer.*field);
                } else {
                    record[column.name] = layer.*field;
                }
            },
            column.field);
    }
    record["passes"] = layer.passes;
    JournalPart part{record.dump(), {}};
    part.tensors["bit_code"] = layer.bit_code;
    part.tensors["scale"] = layer.scale;
    part.tensors["zero_point"] = layer.zero_point;
    return part;
}

LayerRecord layer_from(const JournalPart& part, const fs::path& file) {
    LayerRecord layer;
    try {
        const json record = json::parse(part.record);
        for (const auto& column : record_columns<LayerRecord>()) {
            std::visit([&](auto field) { from_json(record.at(column.name), layer.*field); },
                       column.field);
        }
        layer.passes = record.value("passes", layer.passes);
    } catch (const std::exception& error) {
        throw InputError("{}: its record is unreadable: {}", file.string(), error.what());
    }
    layer.bit_code = tensor_of(part, "bit_code", DType::u8, 2, file);
    layer.scale = tensor_of(part, "scale", DType::f32, 2, file);
    layer.zero_point = tensor_of(part, "zero_point", DType::f32, 2, file);
    return layer;
}

JournalPart to_part(const FinishedPredictions& finished) {
    JournalPart part{json{{"network", finished.network}}.dump(), {}};
    const auto images = static_cast<int64_t>(finished.predictions.size());
    visit_columns([&]<typename T>(const char* name, std::vector<T> Predictions::*column) {
        part.tensors[name] =
            HostTensor::copy_of<T>(column_type<T>, {images}, finished.predictions.*column);
    });
    const auto& probabilities = finished.predictions.log_probability;
    if (!probabilities.empty()) {
        const int64_t classes = static_cast<int64_t>(probabilities.size()) / images;
        part.tensors["log_probability"] =
            HostTensor::copy_of<uint16_t>(DType::f16, {images, classes}, probabilities);
    }
    return part;
}

FinishedPredictions predictions_from(const JournalPart& part, const fs::path& file) {
    const json record = json::parse(part.record, nullptr, false);
    if (!record.is_object() || !record.contains("network") || !record["network"].is_string()) {
        throw InputError("{}: its record is unreadable", file.string());
    }
    FinishedPredictions finished;
    finished.network = record["network"];
    Predictions& predictions = finished.predictions;
    bool even = true;
    visit_columns([&]<typename T>(const char* name, std::vector<T> Predictions::*column) {
        std::vector<T>& values = predictions.*column;
        const auto stored = tensor_of(part, name, column_type<T>, 1, file).template as<T>();
        values.assign(stored.begin(), stored.end());
        even = even && values.size() == predictions.size();
    });
    if (part.tensors.contains("log_probability")) {
        const HostTensor& stored = tensor_of(part, "log_probability", DType::f16, 2, file);
        const auto bits = stored.as<uint16_t>();
        predictions.log_probability.assign(bits.begin(), bits.end());
        even = even && stored.shape[0] == static_cast<int64_t>(predictions.size());
    }
    if (!even) throw InputError("{}: its columns differ in length", file.string());
    return finished;
}

}  // namespace comq
