#include <algorithm>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

using Json = nlohmann::json;

extern "C" std::size_t LLVMFuzzerMutate(uint8_t* data, std::size_t size, std::size_t most);

namespace {

/** All values of a document, with what holds each. */
void collect(Json& value, std::vector<Json*>& values) {
    values.push_back(&value);
    if (!value.is_structured()) return;
    for (Json& item : value) collect(item, values);
}

class JsonMutation {
  public:
    explicit JsonMutation(unsigned seed) : random_(seed) {}

    void apply(Json& document) {
        std::vector<Json*> values;
        collect(document, values);
        Json& at = *values[below(values.size())];
        switch (below(5)) {
            case 0:
                at = Json(*values[below(values.size())]);
                break;
            case 1:
                remove_from(at);
                break;
            case 2:
                at = strange_value();
                break;
            case 3:
                add_to(at, Json(*values[below(values.size())]));
                break;
            default:
                change(at);
        }
    }

    std::size_t below(std::size_t bound) { return random_() % bound; }

  private:
    Json strange_value() {
        static const std::vector<Json> values{
            nullptr,        true,         0,          1,     -1, 2,      INT64_MAX, INT64_MIN,
            INT32_MAX,      1 << 30,      UINT64_MAX, 1e300, "", "a\nb", "../x",    Json(),
            Json::object(), Json::array()};
        return values[below(values.size())];
    }

    void remove_from(Json& value) {
        if (!value.is_structured() || value.empty()) {
            value = strange_value();
            return;
        }
        auto item = value.begin();
        std::advance(item, static_cast<std::ptrdiff_t>(below(value.size())));
        value.erase(item);
    }

    void add_to(Json& value, Json item) {
        if (value.is_array()) {
            value.insert(value.begin() + static_cast<std::ptrdiff_t>(below(value.size() + 1)),
                         std::move(item));
        } else if (value.is_object() && !value.empty()) {
            auto other = value.begin();
            std::advance(other, static_cast<std::ptrdiff_t>(below(value.size())));
            value[changed(other.key())] = std::move(item);
        } else {
            value = Json::array({std::move(item)});
        }
    }

    void change(Json& value) {
        if (value.is_string()) {
            value = changed(value.get<std::string>());
        } else if (value.is_number_integer()) {
            const auto step = static_cast<int64_t>(below(5)) - 2;
            value = static_cast<int64_t>(value.get<uint64_t>() + static_cast<uint64_t>(step));
        } else if (value.is_array() && !value.empty()) {
            std::shuffle(value.begin(), value.end(), random_);
        } else {
            value = strange_value();
        }
    }

    static std::string changed(std::string text) {
        const std::size_t size = text.size();
        text.resize(size + 16);
        text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(text.data()), size, text.size()));
        return text;
    }

    std::minstd_rand random_;
};

}  // namespace

/** Changes a JSON document as one: changed bytes would seldom be JSON. */
extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned seed) {
    JsonMutation mutation(seed);
    Json document = Json::parse(data, data + size, nullptr, /*allow_exceptions=*/false);
    if (document.is_discarded() || mutation.below(8) == 0)
        return LLVMFuzzerMutate(data, size, most);
    for (std::size_t count = 1 + mutation.below(3); count > 0; --count) mutation.apply(document);
    const std::string text = document.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > most) return LLVMFuzzerMutate(data, size, most);
    std::memcpy(data, text.data(), text.size());
    return text.size();
}
