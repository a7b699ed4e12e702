#include "storage/hdf5.hpp"

#include <fstream>
#include <thread>

#include "core/errors.hpp"
#include "storage/mapped_file.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/edit_hdf5.hpp"
#include "support/file_size_limit.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> layer_names{"blocks.0.attn.qkv", "größe", ""};
const std::vector<double> errors{0.25, 1e-300, -1.0};
const std::vector<int64_t> bits{4, -3, int64_t{1} << 60};

/** A file shaped like a run's result. */
void write_example(const fs::path& path) {
    Hdf5File file = Hdf5File::create_in_memory(path.string());
    Hdf5Group root = file.root();
    root.write_attribute("schema_version", "1.0");
    root.write_attribute("uses_labels", false);
    root.write_attribute("config", std::string(100'000, 'c'));
    root.write_attribute("scalar", 0.65f);
    Hdf5Group layers = root.create_group("layers");
    Hdf5Dataset name = layers.write_column("name", std::span(layer_names));
    name.make_scale("name");
    Hdf5Dataset error = layers.write_column("error", std::span(errors));
    error.write_attribute("units", "1");
    error.attach_scale(0, name);
    Hdf5Dataset bit = layers.write_column("bits", std::span(bits));
    bit.attach_scale(0, name);
    Hdf5Group codes = root.create_group("codes/blocks.0.attn.qkv");
    const std::vector<uint8_t> code(6, 15);
    codes.write_tensor("bit_code", HostTensor::copy_of<uint8_t>(DType::u8, {2, 3}, code), 4);
    const std::vector<float> scale{0.5f, -1.f};
    codes.write_tensor("scale", HostTensor::copy_of<float>(DType::f32, {2, 1}, scale));
    write_file_atomically(path, file.image());
}

}  // namespace

TEST_CASE("HDF5 groups, attributes, columns and tensors are read back") {
    const fs::path path = test::temporary_folder() / "run.h5";
    write_example(path);

    const Hdf5File file = Hdf5File::open_for_reading(path);
    const Hdf5Group root = file.root();
    CHECK(root.path() == "/");
    CHECK(root.text_attribute("schema_version") == "1.0");
    CHECK(root.integer_attribute("uses_labels") == 0);
    CHECK(root.real_attribute("scalar") == Approx(0.65));
    CHECK(root.text_attribute("config").size() == 100'000);
    CHECK(root.attribute_names() ==
          std::vector<std::string>{"schema_version", "uses_labels", "config", "scalar"});
    CHECK(root.names() == std::vector<std::string>{"layers", "codes"});

    const Hdf5Group layers = root.open_group("layers");
    CHECK(layers.names() == std::vector<std::string>{"name", "error", "bits"});
    CHECK(layers.open_dataset("name").texts() == layer_names);
    CHECK(layers.open_dataset("error").reals() == errors);
    CHECK(layers.open_dataset("bits").integers() == bits);
    CHECK(layers.open_dataset("bits").reals()[0] == 4.0);
    CHECK(layers.open_dataset("error").text_attribute("units") == "1");
    CHECK(layers.open_dataset("error").path() == "/layers/error");
    CHECK(layers.open_dataset("error").has_attribute("DIMENSION_LIST"));

    const Hdf5Dataset code = root.open_dataset("codes/blocks.0.attn.qkv/bit_code");
    CHECK(code.shape() == std::vector<int64_t>{2, 3});
    CHECK(code.tensor().dtype == DType::u8);
    CHECK(code.tensor().as<uint8_t>()[5] == 15);
    CHECK(root.open_dataset("codes/blocks.0.attn.qkv/scale").tensor().as<float>()[1] == -1.f);
    CHECK(root.contains("codes/blocks.0.attn.qkv/scale"));
    CHECK_FALSE(root.contains("codes/blocks.1/scale"));
    CHECK_FALSE(root.contains("nothing"));
}

TEST_CASE("tensors of every HDF5 type, scalars and empty columns are kept") {
    const fs::path path = test::temporary_folder() / "run.h5";
    test::write_hdf5(path, [](Hdf5Group root) {
        root.write_tensor("f64", HostTensor::copy_of<double>(DType::f64, {1}, std::vector{0.1}));
        root.write_tensor("i64",
                          HostTensor::copy_of<int64_t>(DType::i64, {}, std::vector<int64_t>{7}));
        root.write_tensor("i32",
                          HostTensor::copy_of<int32_t>(DType::i32, {1, 1, 2}, std::vector{1, -2}));
        root.write_tensor(
            "none", HostTensor::copy_of<float>(DType::f32, {0, 3}, std::span<const float>()), 4);
        root.write_column("empty", std::span<const std::string>());
        const std::vector<uint16_t> half{0};
        CHECK_THROWS_WITH(
            root.write_tensor("f16", HostTensor::copy_of<uint16_t>(DType::f16, {1}, half)),
            ContainsSubstring("/f16: HDF5 has no type for F16"));
    });
    const Hdf5Group root = Hdf5File::open_for_reading(path).root();
    CHECK_THROWS_AS(root.open_dataset("f64"), InputError);  // the file object closed it
    const Hdf5File file = Hdf5File::open_for_reading(path);
    CHECK(file.root().open_dataset("f64").tensor().as<double>()[0] == 0.1);
    CHECK(file.root().open_dataset("i64").tensor().shape.empty());
    CHECK(file.root().open_dataset("i64").tensor().as<int64_t>()[0] == 7);
    CHECK(file.root().open_dataset("i32").tensor().as<int32_t>()[1] == -2);
    CHECK(file.root().open_dataset("none").tensor().shape == std::vector<int64_t>{0, 3});
    CHECK(file.root().open_dataset("empty").texts().empty());
}

TEST_CASE("an HDF5 attribute that is written again is replaced") {
    const fs::path path = test::temporary_folder() / "run.h5";
    test::write_hdf5(path, [](Hdf5Group root) {
        root.write_attribute("schema_version", 1);
        root.write_attribute("schema_version", "1.1");
    });
    CHECK(Hdf5File::open_for_reading(path).root().text_attribute("schema_version") == "1.1");
}

TEST_CASE("two writings of the same HDF5 content are the same bytes") {
    const fs::path folder = test::temporary_folder();
    write_example(folder / "a.h5");
    write_example(folder / "b.h5");
    const FileBytes a = map_file(folder / "a.h5");
    const FileBytes b = map_file(folder / "b.h5");
    CHECK(std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end()));
}

TEST_CASE("HDF5 errors name the file, the object and the cause") {
    const fs::path folder = test::temporary_folder();
    const fs::path path = folder / "run.h5";
    write_example(path);
    const Hdf5File file = Hdf5File::open_for_reading(path);
    const Hdf5Group root = file.root();
    CHECK_THROWS_WITH(root.open_group("layer"),
                      ContainsSubstring(path.string() + ": /layer: can't open the group: "));
    CHECK_THROWS_WITH(root.open_group("layers").open_dataset("seconds"),
                      ContainsSubstring("/layers/seconds: can't open the dataset: "));
    CHECK_THROWS_WITH(root.text_attribute("identity"),
                      ContainsSubstring("/identity: can't read the attribute: "));
    CHECK_THROWS_WITH(root.text_attribute("uses_labels"), ContainsSubstring("as text"));
    CHECK_THROWS_AS(root.integer_attribute("config"), InputError);
    CHECK_THROWS_WITH(root.open_dataset("layers/error").texts(),
                      ContainsSubstring("holds no text"));
    CHECK_THROWS_WITH(root.open_dataset("layers/error").integers(),
                      ContainsSubstring("holds no integers"));
    CHECK_THROWS_AS(file.root().create_group("layers"), Failure);
    CHECK_THROWS_WITH(root.open_group("layers").write_column("error", std::span(errors)),
                      ContainsSubstring("/layers/error: can't write the dataset: "));
    CHECK_THROWS_WITH(Hdf5File::open_for_reading(folder / "no.h5"),
                      ContainsSubstring("no.h5: can't be opened: No such file"));
    std::ofstream(folder / "text.h5") << "not HDF5";
    CHECK_THROWS_WITH(Hdf5File::open_for_reading(folder / "text.h5"),
                      ContainsSubstring("not an HDF5 file, or a damaged one"));
}

TEST_CASE("of a call that the system refused HDF5's message is the system's") {
    const Hdf5Guard guard;
    H5Epush2(H5E_DEFAULT, "file", "function", 1, H5E_ERR_CLS, H5E_IO, H5E_READERROR,
             "file read failed: time = Mon Nov 30\n, filename = 'a.h5', errno = 5, error message = "
             "'Input/output error', buf = 0x55, offset = 0");
    CHECK(hdf5_message() == "Input/output error");
}

TEST_CASE("a truncated HDF5 file is an error") {
    const fs::path path = test::temporary_folder() / "run.h5";
    write_example(path);
    fs::resize_file(path, fs::file_size(path) / 2);
    CHECK_THROWS_WITH(Hdf5File::open_for_reading(path), ContainsSubstring("truncated file"));
}

TEST_CASE("a shape that no data stands behind takes no memory") {
    const fs::path path = test::temporary_folder() / "run.h5";
    write_example(path);
    {
        const Hdf5Guard guard;
        const Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
        for (const auto& [name, extent] : std::vector<std::pair<std::string, hsize_t>>{
                 {"huge", 1ULL << 40}, {"large", 1 << 29}}) {
            const hsize_t chunk = 1 << 16;
            const Hdf5Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
            const Hdf5Handle chunked(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
            H5Pset_chunk(chunked.get(), 1, &chunk);
            H5Pset_deflate(chunked.get(), 4);
            const Hdf5Handle made(H5Dcreate2(file.get(), name.c_str(), H5T_NATIVE_DOUBLE,
                                             space.get(), H5P_DEFAULT, chunked.get(), H5P_DEFAULT),
                                  H5Dclose);
            REQUIRE(made.get() >= 0);
        }
    }
    const Hdf5File file = Hdf5File::open_for_reading(path);
    for (const char* name : {"huge", "large"}) {
        const Hdf5Dataset dataset = file.root().open_dataset(name);
        CHECK_THROWS_AS(dataset.reals(), InputError);
        CHECK_THROWS_WITH(dataset.tensor(), ContainsSubstring("its shape needs"));
    }
}

TEST_CASE("a full disk while an HDF5 file is written is an error with the cause") {
    const fs::path path = test::temporary_folder() / "run.h5";
    std::string message;
    {
        const test::FileSizeLimit limit(10'000);
        try {
            test::write_hdf5(path, [](Hdf5Group root) {
                root.write_column("error", std::vector<double>(100'000, 0.5));
            });
        } catch (const Error& error) {
            message = error.what();
        }
    }
    CHECK_THAT(message,
               ContainsSubstring(path.string() + ": ") && ContainsSubstring("File too large"));
}

TEST_CASE("several threads may use HDF5 files at once") {
    const fs::path folder = test::temporary_folder();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10; ++i) write_example(folder / std::to_string(t));
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (int t = 0; t < 4; ++t) {
        const Hdf5File file = Hdf5File::open_for_reading(folder / std::to_string(t));
        CHECK(file.root().open_dataset("layers/error").reals() == errors);
    }
}
