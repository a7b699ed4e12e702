#include "networks/programs/archive.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.hpp"
#include "networks/programs/json_fields.hpp"
#include "storage/mapped_file.hpp"
#include "weights/strided_copy.hpp"

namespace comq {

namespace {

/** Of torch/_export/serde/schema.py: the meaning of the JSON. */
constexpr int64_t known_schema = 8;

FileBytes map_program(const std::filesystem::path& file, Mapping mapping) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        throw UsageError("model.program: there is no {}; scripts/export_network.py makes one",
                         file.string());
    }
    return map_file(file, mapping);
}

/** "name/" of the entry "name/models/model.json". */
std::string folder_of_archive(const ZipArchive& zip, const std::string& file) {
    constexpr std::string_view program = "models/model.json";
    for (const auto& entry : zip.entries()) {
        if (!entry.name.ends_with(program)) continue;
        const std::string folder = entry.name.substr(0, entry.name.size() - program.size());
        if (std::ranges::count(folder, '/') == 1 && folder.ends_with('/')) return folder;
    }
    throw InputError(
        "{}: no program of torch.export.save (it has no models/model.json); save it with PyTorch "
        "2.13 or later, scripts/export_network.py does",
        file);
}

std::optional<DType> dtype_of(int64_t serialized) {
    switch (serialized) {
        case 1:
            return DType::u8;
        case 2:
            return DType::i8;
        case 3:
            return DType::i16;
        case 4:
            return DType::i32;
        case 5:
            return DType::i64;
        case 6:
            return DType::f16;
        case 7:
            return DType::f32;
        case 8:
            return DType::f64;
        case 12:
            return DType::boolean;
        case 13:
            return DType::bf16;
        default:
            return std::nullopt;
    }
}

std::vector<int64_t> whole_numbers(const nlohmann::json& list) {
    std::vector<int64_t> numbers;
    for (const auto& item : list) numbers.push_back(integer_of(item.at("as_int")));
    return numbers;
}

StoredTensor stored_tensor(const std::string& name, const nlohmann::json& entry,
                           const std::string& file) {
    if (entry.value("use_pickle", false)) {
        throw InputError("{}: tensor '{}' is stored as a pickle, which is not read", file, name);
    }
    const auto& meta = entry.at("tensor_meta");
    const auto dtype = dtype_of(integer_of(meta.at("dtype")));
    if (!dtype) throw InputError("{}: tensor '{}' has a dtype that is not read", file, name);
    StoredTensor tensor{entry.at("path_name").get<std::string>(),
                        *dtype,
                        whole_numbers(meta.at("sizes")),
                        whole_numbers(meta.at("strides")),
                        integer_of(meta.at("storage_offset").at("as_int")),
                        entry.value("is_param", false)};
    const auto negative = [](int64_t value) { return value < 0; };
    if (tensor.sizes.size() != tensor.strides.size() || tensor.offset < 0 ||
        !checked_nbytes(tensor.dtype, tensor.sizes) ||
        std::ranges::any_of(tensor.strides, negative)) {
        throw InputError("{}: tensor '{}' has sizes, strides or an offset that can't be", file,
                         name);
    }
    return tensor;
}

/** Whether all elements lie in a storage of so many, and are no more than it has. */
bool lies_in(const StoredTensor& tensor, int64_t elements) {
    int64_t last = tensor.offset, count = 1;
    for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
        if (tensor.sizes[i] == 0) return true;
        int64_t reach = 0;
        if (__builtin_mul_overflow(tensor.sizes[i] - 1, tensor.strides[i], &reach) ||
            __builtin_add_overflow(last, reach, &last) ||
            __builtin_mul_overflow(count, tensor.sizes[i], &count)) {
            return false;
        }
    }
    return last < elements && count <= elements;
}

}  // namespace

ProgramArchive::ProgramArchive(const std::filesystem::path& file, Mapping mapping)
    : file_(file.string()),
      zip_(map_program(file, mapping)),
      folder_(folder_of_archive(zip_, file_)) {
    if (text_of("byteorder").value_or("little") != "little") {
        throw InputError("{}: its numbers are big-endian (save it again on a common machine)",
                         file_);
    }
    reading_json(file_ + " (models/model.json)", [&] {
        program_ = nlohmann::json::parse(*text_of("models/model.json"));
        const int64_t major = integer_of(program_.at("schema_version").at("major"));
        if (major != known_schema) {
            throw InputError(
                "{}: written by PyTorch {} in version {} of its schema, {} is read here; export "
                "it again with PyTorch 2.13 (scripts/export_network.py)",
                file_, program_.value("torch_version", "of another age"), major, known_schema);
        }
    });
    weights_ = read_index("data/weights/", "model_weights_config.json");
    constants_ = read_index("data/constants/", "model_constants_config.json");
}

std::optional<std::string> ProgramArchive::text_of(const std::string& path) {
    const ZipArchive::Entry* entry = zip_.find(folder_ + path);
    if (entry == nullptr) return std::nullopt;
    return std::string(zip_.read(*entry).text());
}

std::map<std::string, StoredTensor> ProgramArchive::read_index(const std::string& folder,
                                                               const std::string& index) {
    const auto text = text_of(folder + index);
    if (!text) {
        throw InputError("{}: there is no {}{} in it; export it again with PyTorch 2.13", file_,
                         folder, index);
    }
    std::map<std::string, StoredTensor> tensors;
    reading_json(fmt::format("{} ({}{})", file_, folder, index), [&] {
        const auto parsed = nlohmann::json::parse(*text);
        for (const auto& [name, entry] : parsed.at("config").items()) {
            StoredTensor tensor = stored_tensor(name, entry, file_);
            tensor.path.insert(0, folder);
            tensors.emplace(name, std::move(tensor));
        }
    });
    return tensors;
}

void ProgramArchive::check(const std::string& name, const StoredTensor& tensor) const {
    const ZipArchive::Entry* entry = zip_.find(folder_ + tensor.path);
    if (entry == nullptr) {
        throw InputError("{}: {}, which holds tensor '{}', is missing in it", file_, tensor.path,
                         name);
    }
    if (!lies_in(tensor, static_cast<int64_t>(entry->size / size_of(tensor.dtype)))) {
        throw InputError("{}: tensor '{}' of shape {} reaches beyond the {} bytes of {}", file_,
                         name, format_shape(tensor.sizes), entry->size, tensor.path);
    }
}

HostTensor ProgramArchive::read(const std::string& name, const StoredTensor& tensor) {
    check(name, tensor);
    auto found = read_.find(tensor.path);
    if (found == read_.end()) {
        found = read_.emplace(tensor.path, zip_.read(*zip_.find(folder_ + tensor.path))).first;
    }
    const FileBytes& storage = found->second;
    // An empty tensor may start anywhere, and have any strides.
    const bool empty = std::ranges::find(tensor.sizes, 0) != tensor.sizes.end();
    const auto first = empty ? 0 : static_cast<std::size_t>(tensor.offset) * size_of(tensor.dtype);
    if (empty || is_contiguous(tensor.sizes, tensor.strides)) {
        return HostTensor::over(tensor.dtype, tensor.sizes, storage.share(first));
    }
    return gather(tensor.dtype, tensor.sizes, tensor.strides, storage.data.get() + first);
}

std::optional<std::string> ProgramArchive::extra_file(const std::string& name) {
    return text_of("extra/" + name);
}

}  // namespace comq
