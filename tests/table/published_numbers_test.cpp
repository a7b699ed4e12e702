#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/table_spec.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** A line of the list of published numbers: model, w_bits, a_bits, method, granularity, top1. */
struct ListedNumber {
    std::string model, bits, activation_bits, method, granularity, top1, source;
};

std::vector<ListedNumber> listed_numbers(const fs::path& file) {
    std::vector<ListedNumber> numbers;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with("#") || line.starts_with("model,")) continue;
        std::istringstream fields(line);
        ListedNumber& number = numbers.emplace_back();
        for (auto* field : {&number.model, &number.bits, &number.activation_bits, &number.method,
                            &number.granularity, &number.top1, &number.source}) {
            std::getline(fields, *field, ',');
        }
    }
    return numbers;
}

/** "adaround mse + bias correction" → "adaround_mse_bias". */
std::string row_of(const ListedNumber& number, bool with_granularity) {
    static const std::map<std::string, std::string> names{
        {"c_bqq (non-uniform)", "c_bqq"},
        {"c_uq (labels unknown)", "c_uq"},
        {"rtn min-max", "rtn_minmax"},
        {"rtn mse", "rtn_mse"},
        {"rtn mse + bias correction", "rtn_mse_bias"},
        {"adaround mse", "adaround_mse"},
        {"adaround mse + bias correction", "adaround_mse_bias"}};
    const auto found = names.find(number.method);
    std::string row = found != names.end() ? found->second : number.method;
    if (row.starts_with("gpfq ")) row = "gpfq";
    return with_granularity && row != "fp" ? row + number.granularity.substr(3) : row;
}

std::string source_of(const ListedNumber& number) {
    std::string id = number.source;
    std::ranges::transform(id, id.begin(), [](unsigned char c) {
        return c == ' ' ? '_' : static_cast<char>(std::tolower(c));
    });
    return id;
}

/** Published cells of a table as "model group/row source number". */
std::multiset<std::string> cells_of(const TableSpec& spec) {
    static const std::map<std::string, std::string> models{
        {"deit_s", "deit_small_patch16_224"},       {"deit_b", "deit_base_patch16_224"},
        {"swin_t", "swin_tiny_patch4_window7_224"}, {"swin_s", "swin_small_patch4_window7_224"},
        {"vit_s", "vit_small_patch16_224"},         {"vit_b", "vit_base_patch16_224"},
        {"vit_b_32", "vit_base_patch32_224"}};
    std::multiset<std::string> cells;
    for (const PublishedSpec& published : spec.published) {
        for (const PublishedValue& value : published.values) {
            const auto model = models.find(value.column.id);
            cells.insert(fmt::format(
                "{} {}/{} {} {:.3f}", model == models.end() ? value.column.id : model->second,
                published.group.id, published.row.id, published.source.id, value.value));
        }
    }
    return cells;
}

bool is_of_study(const ListedNumber& number) { return number.source == "AdaRound study"; }

/** What the list says should stand in a table of these models and bits. */
std::multiset<std::string> listed_cells(const std::vector<ListedNumber>& numbers,
                                        const std::set<std::string>& models,
                                        const std::set<std::string>& bits, bool study) {
    std::multiset<std::string> cells;
    for (const ListedNumber& number : numbers) {
        const bool full_precision = number.method == "fp";
        if (!models.contains(number.model) || number.activation_bits != "32") continue;
        if (!full_precision && (!bits.contains(number.bits) || is_of_study(number) != study)) {
            continue;
        }
        cells.insert(fmt::format("{} {}/{} {} {:.3f}", number.model,
                                 full_precision ? "" : "w" + number.bits, row_of(number, study),
                                 source_of(number), std::stod(number.top1)));
    }
    return cells;
}

TableSpec shipped(const std::string& name) {
    return read_table_spec(test::source_dir() / "experiments" / (name + ".yaml"), {});
}

}  // namespace

TEST_CASE("the tables hold every published number that belongs to them, and no other") {
    COMQ_NEED_ASSETS(folder);
    const auto file = folder.parent_path() / "reference" / "published.csv";
    if (!fs::exists(file)) {
        test::skip("published", "list of published numbers");
        return;
    }
    const auto numbers = listed_numbers(file);
    REQUIRE(numbers.size() > 150);
    const std::set<std::string> transformers{
        "deit_small_patch16_224",       "deit_base_patch16_224",         "vit_small_patch16_224",
        "swin_tiny_patch4_window7_224", "swin_small_patch4_window7_224", "vit_base_patch16_224"};
    CHECK(cells_of(shipped("table_vit")) ==
          listed_cells(numbers, transformers, {"4", "3", "2"}, false));
    CHECK(cells_of(shipped("table_cnn")) ==
          listed_cells(
              numbers,
              {"resnet18", "resnet50", "vgg16", "mobilenet_v2", "mobilenetv2_100", "regnetx_006"},
              {"4", "3"}, false));
    CHECK(cells_of(shipped("table_baselines")) ==
          listed_cells(numbers, {"resnet18", "vit_base_patch32_224"}, {"4", "3", "2"}, true));
}
