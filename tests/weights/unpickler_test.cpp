#include "weights/unpickler.hpp"

#include "core/errors.hpp"
#include "support/catch.hpp"
#include "weights/torch_pickle.hpp"

using namespace comq;
using namespace std::string_view_literals;

namespace {

/** A pickle, its values and its text. */
struct Unpickled {
    explicit Unpickled(std::string_view bytes)
        : in(std::as_bytes(std::span(bytes)), "data.pkl"), root(unpickle(in, arena, meaning)) {}
    PickleArena arena;
    TorchMeaning meaning;
    ByteReader in;
    PickleRef root;
};

void check_error(std::string_view bytes, const std::string& message) {
    INFO(message);
    CHECK_THROWS_WITH(Unpickled(bytes),
                      ContainsSubstring("data.pkl: byte ") && ContainsSubstring(message));
}

}  // namespace

TEST_CASE("numbers of every opcode are read") {
    const auto integer = [](std::string_view bytes) {
        return *Unpickled(bytes).root->get<int64_t>();
    };
    CHECK(integer("K\xff."sv) == 255);
    CHECK(integer("M\x01\x02."sv) == 513);
    CHECK(integer("J\xfe\xff\xff\xff."sv) == -2);
    CHECK(integer("\x8a\x00."sv) == 0);
    CHECK(integer("\x8a\x01\x80."sv) == -128);
    CHECK(integer("\x8a\x03\x00\x00\x01."sv) == 65536);
    CHECK(integer("\x8b\x02\x00\x00\x00\xff\x7f."sv) == 32767);
    CHECK(integer("I-42\n."sv) == -42);
    CHECK(integer("L123456789012L\n."sv) == 123456789012);
    CHECK(*Unpickled("G\x3f\xf8\x00\x00\x00\x00\x00\x00."sv).root->get<double>() == 1.5);
    CHECK(*Unpickled("I01\n."sv).root->get<bool>());
    CHECK_FALSE(*Unpickled("\x89."sv).root->get<bool>());
    CHECK(Unpickled("\x8a\x09"
                    "123456789."sv)
              .root->get<PickleBigInteger>()
              ->bytes == "123456789");
}

TEST_CASE("containers, the memo and marks work as in Python") {
    // {'a': [1, (2, 3)]}, then the memo gives the list again
    const Unpickled dict(
        "\x80\x02}q\x00X\x01\x00\x00\x00"
        "a]q\x01(K\x01K\x02K\x03\x86"
        "es."sv);
    const auto& entries = dict.root->get<PickleMapping>()->entries;
    REQUIRE(entries.size() == 1);
    CHECK(*entries[0].first->get<std::string_view>() == "a");
    const auto& list = entries[0].second->get<PickleSequence>()->items;
    REQUIRE(list.size() == 2);
    CHECK(*list[1]->get<PickleSequence>()->items[1]->get<int64_t>() == 3);

    const Unpickled twice("]\x94h\x00\x86."sv);  // x = []; (x, x)
    const auto& items = twice.root->get<PickleSequence>()->items;
    CHECK(items[0] == items[1]);

    const Unpickled cycle(
        "]q\x00h\x00"
        "a."sv);  // x = []; x.append(x)
    CHECK(cycle.root->get<PickleSequence>()->items[0] == cycle.root);
}

TEST_CASE("unknown classes become opaque and their states are dropped") {
    const Unpickled object("cargparse\nNamespace\n)\x81}X\x02\x00\x00\x00lrK\x01sb."sv);
    CHECK(object.root->get<PickleOpaque>()->made_by == "argparse.Namespace");
    const Unpickled stacked("\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R."sv);
    CHECK(stacked.root->get<PickleOpaque>()->made_by == "posix.system");
    const Unpickled chained("cm\nf\n)R)R."sv);  // f()()
    CHECK(chained.root->get<PickleOpaque>()->made_by == "m.f");
    CHECK(describe(*chained.root) == "an object of 'm.f'");
}

TEST_CASE("ordered dictionaries of Python 2 are made from pairs") {
    const Unpickled dict(
        "ccollections\nOrderedDict\n]](K\x01K\x02"
        "ea\x85R."sv);
    REQUIRE(dict.root->get<PickleMapping>()->entries.size() == 1);
    CHECK(*dict.root->get<PickleMapping>()->entries[0].second->get<int64_t>() == 2);
}

TEST_CASE("malformed pickles are errors with the byte") {
    check_error(""sv, "byte 0: 1 bytes are needed and 0 are left");
    check_error("K"sv, "byte 1: 1 bytes are needed");
    check_error("."sv, "byte 0: the stack is empty");
    check_error("N0."sv, "byte 2: the stack is empty");
    check_error("(."sv, "byte 1: the stack is empty");
    check_error("N(0."sv.substr(0, 3), "byte 3");
    check_error("e."sv, "a mark is missing");
    check_error("h\x05."sv, "memo 5 was never stored");
    check_error("q\x00."sv, "the stack is empty");
    check_error(
        "X\xff\xff\xff\xff"
        "a."sv,
        "4294967295 bytes are needed");
    check_error(
        "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
        "a."sv,
        "18446744073709551615 bytes are needed");
    check_error("\x8b\xff\xff\xff\x7f."sv, "2147483647 bytes are needed");
    check_error("\x80\x06."sv, "pickle protocol 6 is unknown");
    check_error("\x95\xff\x00\x00\x00\x00\x00\x00\x00N."sv, "a frame ends beyond the file");
    check_error("}(K\x01u."sv, "a key without a value");
    check_error(
        "NK\x01"
        "a."sv,
        "appended to what is no list");
    check_error("NK\x01K\x02s."sv, "set in what is no dictionary");
    check_error("NNR."sv, "the arguments of a call are not a tuple");
    check_error("NN\x93."sv, "a global's name is not text");
    check_error("(o."sv, "an object has no class");
    check_error("Iabc\n."sv, "an integer is misspelt");
    check_error("cmodule\nname"sv, "bytes are needed");
    check_error("c" + std::string(2000, 'm') + "\nname\n.", "a global's name is too long");
}

TEST_CASE("opcodes outside the allow-list are refused") {
    for (const std::string_view op :
         {"P1\n"sv, "\x82\x01"sv, "\x83\x01\x00"sv, "\x84\x01\x00\x00\x00"sv, "\x97"sv, "\x98"sv,
          "S'text'\n"sv, "\xff"sv}) {
        check_error(std::string(op) + ".", "byte 0: pickle opcode 0x");
    }
}

TEST_CASE("malformed storages and tensors of torch are errors with the byte") {
    check_error("K\x01Q."sv, "byte 2: a persistent id is not torch.save's");
    check_error("(X\x07\x00\x00\x00storageK\x01K\x01K\x01K\x01tQ."sv, "a storage is not described");
    check_error("ctorch._utils\n_rebuild_tensor_v2\n)R."sv, "a call lacks arguments");
    check_error(
        "ccollections\nOrderedDict\n]K\x01"
        "a\x85R."sv,
        "something else than pairs");
}

TEST_CASE("many dictionaries made from one list don't multiply it") {
    std::string bytes = "ccollections\nOrderedDict\nq\x01](";
    for (int i = 0; i < 1000; ++i) bytes += "NN\x86";
    bytes += "e\x85q\x02";
    for (int i = 0; i < 1000; ++i) bytes += "h\x01h\x02R0";
    check_error(bytes + "N.", "dictionaries repeat the same list");
}

TEST_CASE("deep nesting needs no stack") {
    const int depth = 1'000'000;
    const Unpickled nested(std::string(depth, ']') + std::string(depth - 1, 'a') + ".");
    CHECK(nested.root->get<PickleSequence>()->items.size() == 1);
}

TEST_CASE("a pickle of ten million values is refused before it fills the memory") {
    check_error(std::string(10'000'001, 'N') + ".",
                "byte 10000000: the pickle has too many values");
}
