#include "config/value_types.hpp"

#include "config/config_folder.hpp"

using namespace comq;

namespace {

template <typename V>
struct Reading {
    V value;
    std::vector<std::string> problems;
};

/** Reads one YAML value as `type`, starting from `value`. */
template <typename V>
Reading<V> read(const ValueType<V>& type, const std::string& yaml, V value = {}) {
    ConfigProblems problems;
    const auto node = parse_yaml(yaml, "v", problems, false);
    REQUIRE(node.has_value());
    type.read(*node, "k", value, problems);
    return {value, problems.lines()};
}

template <typename V>
bool accepts(const ValueType<V>& type, const std::string& yaml) {
    return read(type, yaml).problems.empty();
}

}  // namespace

TEST_CASE("integers are whole, plain and in range") {
    const auto bits = integer<int>(2, 8);
    CHECK(read(bits, "8").value == 8);
    CHECK(bits.description == "integer, 2 to 8");
    for (const char* wrong : {"1", "9", "4.0", "4bit", "'4'", "[4]", "{a: 4}", "~", "", "four",
                              "99999999999999999999", "-3", "0x4", "1e1", "true"}) {
        INFO(wrong);
        const auto reading = read(bits, wrong, 3);
        CHECK(reading.problems.size() == 1);
        CHECK(reading.value == 3);
    }
    CHECK(read(bits, "9").problems[0] == "v: key 'k': expected integer, 2 to 8, not '9'");
    CHECK(read(bits, "'4'").problems[0].find("not the quoted text '4'") != std::string::npos);
    CHECK(read(integer<uint64_t>(0), "18446744073709551615").value == ~uint64_t{0});
    CHECK_FALSE(accepts(integer<uint64_t>(0), "-1"));
}

TEST_CASE("numbers are finite and print the shortest text that reads back the same") {
    const auto type = number(-1e9, 1e9);
    for (const double value : {0.1, 1.0, -2.5e-7, 1.0 / 3.0}) {
        CHECK(read(type, type.print(value)).value == value);
    }
    CHECK(read(type, "3").value == 3.0);
    for (const char* wrong : {".inf", "inf", "nan", ".nan", "1e99", "1,5", "'1'", "~"}) {
        INFO(wrong);
        CHECK_FALSE(accepts(type, wrong));
    }
}

TEST_CASE("booleans are true and false only") {
    CHECK(read(boolean(), "true").value);
    CHECK_FALSE(read(boolean(), "false", true).value);
    for (const char* wrong : {"yes", "1", "'true'", "True", "~"}) {
        CHECK_FALSE(accepts(boolean(), wrong));
    }
}

TEST_CASE("sizes have a unit and print exactly") {
    CHECK(parse_byte_size("8GB") == 8'000'000'000);
    CHECK(parse_byte_size("500 mb") == 500'000'000);
    CHECK(parse_byte_size("2GiB") == int64_t{2} << 30);
    CHECK(parse_byte_size("1.5kB") == 1500);
    CHECK(parse_byte_size("7B") == 7);
    CHECK(parse_byte_size("0") == 0);
    for (const char* wrong :
         {"8", "GB", "", "8 G", "-1GB", "1e999GB", "99999999TB", "..GB", "nanGB"}) {
        INFO(wrong);
        CHECK_FALSE(parse_byte_size(wrong).has_value());
    }
    for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{1500}, int64_t{64} << 20,
                                int64_t{20'000'000'000}, int64_t{1'234'567'891}}) {
        CHECK(parse_byte_size(print_byte_size(bytes)) == bytes);
    }
    CHECK(print_byte_size(int64_t{2} << 30) == "2GiB");
    CHECK_FALSE(accepts(byte_size(1000), "999B"));
}

TEST_CASE("counts may be all") {
    const auto images = count_or_all<std::optional<int64_t>>();
    CHECK(read(images, "all", std::optional<int64_t>(3)).value == std::nullopt);
    CHECK(read(images, "12").value == 12);
    CHECK(images.print(std::nullopt) == "all");
    CHECK(images.print(12) == "12");
    CHECK_FALSE(accepts(images, "0"));
    CHECK_FALSE(accepts(images, "some"));
    const auto threads = count_or_all<int>();
    CHECK(read(threads, "all", 3).value == 0);
    CHECK(threads.print(0) == "all");
    CHECK_FALSE(accepts(threads, "99999999999"));
}

TEST_CASE("choices list what there is and the nearest") {
    enum class Order { cyclic, greedy };
    const auto order = choice<Order>({{"cyclic", Order::cyclic}, {"greedy", Order::greedy}});
    CHECK(read(order, "greedy").value == Order::greedy);
    CHECK(order.print(Order::greedy) == "greedy");
    CHECK(read(order, "gredy").problems[0] ==
          "v: key 'k': expected cyclic | greedy, not 'gredy' (nearest known: 'greedy')");
    CHECK(read(order, "[greedy]").problems[0] ==
          "v: key 'k': expected cyclic | greedy, not a list");
}

TEST_CASE("a long choice is called a value") {
    std::vector<std::pair<std::string, int>> choices;
    for (int i = 0; i < 20; ++i) choices.emplace_back(fmt::format("measure_{}", i), i);
    CHECK(read(choice<int>(choices), "measure_x")
              .problems[0]
              .find("expected the name of a value, not 'measure_x'") != std::string::npos);
}

TEST_CASE("zero has no sign, a count may have an end") {
    CHECK(number(-1, 1).print(read(number(-1, 1), "-0").value) == "0");
    CHECK(number(-1, 1).print(read(number(-1, 1), "-0.0").value) == "0");
    CHECK(accepts(count_or_all<int>(8), "8"));
    CHECK(!accepts(count_or_all<int>(8), "9"));
    CHECK(accepts(count_or_all<int>(8), "all"));
}

TEST_CASE("names of a long registry are not listed, the nearest is") {
    std::vector<std::string> names;
    for (int i = 0; i < 20; ++i) names.push_back(fmt::format("network_{}", i));
    CHECK(read(name_of("model", names), "network_17").value == "network_17");
    CHECK(read(name_of("model", names), "netwrok_7").problems[0] ==
          "v: key 'k': expected the name of a model, not 'netwrok_7' (nearest known: 'network_7')");
    CHECK(read(name_of("model", {}), "anything").value == "anything");
}

TEST_CASE("optional values are null or checked") {
    const auto type = optional(integer<int>(2, 8));
    CHECK(read(type, "~", std::optional<int>(3)).value == std::nullopt);
    CHECK(read(type, "4").value == 4);
    CHECK(read(type, "9", std::optional<int>(3)).value == 3);
    CHECK(type.print(std::nullopt) == "null");
}

TEST_CASE("texts and paths survive printing whatever they contain") {
    for (const std::string text :
         {"plain", "null", "~",  "true", "12",     "a: b",       "a # b",     "*.attn",
          "[x]",   "a,b",  "{",  "'",    "\"",     "two\nlines", "tab\there", " spaces ",
          "é",     "!x",   "&x", "- x",  "a'b\"c", "%x"}) {
        INFO(text);
        CHECK(read(comq::text(), print_yaml_text(text)).value == text);
        CHECK(print_yaml_text(text).find('\n') == std::string::npos);
    }
    CHECK(path().print("") == "null");
    CHECK(path().print("/a$b") == "/a$$b");
    CHECK(read(path(), "~").value.empty());
    CHECK(read(path(), "~/x").value == "~/x");
    CHECK_FALSE(accepts(path(), "''"));
    CHECK_FALSE(accepts(path(), "[a]"));
    CHECK_FALSE(accepts(comq::text(), "''"));
}
