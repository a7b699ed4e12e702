#include "weights/unpickler.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <unordered_map>

#include "weights/pickle_opcodes.hpp"

namespace comq {
namespace {

constexpr std::size_t max_name_length = 1000;
/** Large training checkpoints have some 100,000; hostile files have one a byte. */
constexpr std::size_t max_values = 10'000'000;

class Unpickler {
  public:
    Unpickler(ByteReader& in, PickleArena& arena, PickleMeaning& meaning)
        : in_(in), arena_(arena), meaning_(meaning) {}

    PickleRef run() {
        for (;;) {
            at_ = in_.offset();
            const auto op = static_cast<PickleOp>(in_.take_unsigned(1));
            if (op == PickleOp::stop) return pop();
            if (!scalar(op) && !text(op) && !container(op) && !object(op) && !memory(op)) {
                in_.fail(at_, fmt::format("pickle opcode 0x{:02x} is not allowed: not a checkpoint "
                                          "of torch.save, or damaged",
                                          static_cast<unsigned>(op)));
            }
        }
    }

  private:
    bool scalar(PickleOp op) {
        switch (op) {
            case PickleOp::none:
                return push(PickleNone{});
            case PickleOp::new_true:
                return push(true);
            case PickleOp::new_false:
                return push(false);
            case PickleOp::binint:
                return push(in_.take_signed(4));
            case PickleOp::binint1:
                return push(static_cast<int64_t>(in_.take_unsigned(1)));
            case PickleOp::binint2:
                return push(static_cast<int64_t>(in_.take_unsigned(2)));
            case PickleOp::long1:
                return push_long(in_.take_unsigned(1));
            case PickleOp::long4:
                return push_long(in_.take_unsigned(4));
            case PickleOp::text_int:
            case PickleOp::text_long:
                return push_text_integer();
            case PickleOp::binfloat: {  // the one big-endian number of the format
                uint64_t bits = 0;
                for (const std::byte byte : in_.take(8)) {
                    bits = bits << 8 | static_cast<uint64_t>(byte);
                }
                return push(std::bit_cast<double>(bits));
            }
            case PickleOp::text_float:
                in_.take_line();
                return push(PickleOpaque{"float"});
            default:
                return false;
        }
    }

    bool text(PickleOp op) {
        switch (op) {
            case PickleOp::short_binstring:
            case PickleOp::short_binunicode:
            case PickleOp::short_binbytes:
                return push(in_.take_text(in_.take_unsigned(1)));
            case PickleOp::binstring:
            case PickleOp::binunicode:
            case PickleOp::binbytes:
                return push(in_.take_text(in_.take_unsigned(4)));
            case PickleOp::binunicode8:
            case PickleOp::binbytes8:
            case PickleOp::bytearray8:
                return push(in_.take_text(in_.take_unsigned(8)));
            default:
                return false;
        }
    }

    bool container(PickleOp op) {
        switch (op) {
            case PickleOp::mark:
                marks_.push_back(stack_.size());
                return true;
            case PickleOp::empty_list:
            case PickleOp::empty_tuple:
            case PickleOp::empty_set:
                return push(PickleSequence{});
            case PickleOp::list:
            case PickleOp::tuple:
            case PickleOp::frozenset:
                return push(PickleSequence{pop_to_mark()});
            case PickleOp::tuple1:
                return push_tuple(1);
            case PickleOp::tuple2:
                return push_tuple(2);
            case PickleOp::tuple3:
                return push_tuple(3);
            case PickleOp::empty_dict:
                return push(PickleMapping{});
            case PickleOp::dict: {
                const auto items = pop_to_mark();
                push(PickleMapping{});
                return set_items(items);
            }
            case PickleOp::append: {
                const PickleRef item = pop();
                return append_items({&item, 1});
            }
            case PickleOp::appends:
            case PickleOp::additems:
                return append_items(pop_to_mark());
            case PickleOp::setitem: {
                const PickleRef value = pop();
                const PickleRef key = pop();
                return set_items(std::array{key, value});
            }
            case PickleOp::setitems:
                return set_items(pop_to_mark());
            default:
                return false;
        }
    }

    bool object(PickleOp op) {
        switch (op) {
            case PickleOp::global: {
                const std::string_view module = in_.take_line();
                return push_global(module, in_.take_line());
            }
            case PickleOp::stack_global: {
                const auto* name = pop()->get<std::string_view>();
                const auto* module = pop()->get<std::string_view>();
                if (name == nullptr || module == nullptr) fail("a global's name is not text");
                return push_global(*module, *name);
            }
            case PickleOp::reduce:
            case PickleOp::newobj: {
                const PickleRef arguments = pop();
                return push_call(pop(), arguments);
            }
            case PickleOp::newobj_ex: {
                pop();  // keyword arguments
                const PickleRef arguments = pop();
                return push_call(pop(), arguments);
            }
            case PickleOp::inst: {
                const std::string_view module = in_.take_line();
                const std::string_view name = in_.take_line();
                pop_to_mark();
                push_global(module, name);
                return push(PickleOpaque{pop()->get<PickleGlobal>()->name});
            }
            case PickleOp::obj: {
                const auto items = pop_to_mark();
                if (items.empty()) fail("an object has no class");
                stack_.push_back(
                    meaning_.call(in_, arena_, at_, items.front(), std::span(items).subspan(1)));
                return true;
            }
            case PickleOp::build:  // attributes; nothing that is needed has any
                pop();
                top();
                return true;
            case PickleOp::binpersid:
                stack_.push_back(meaning_.persistent(in_, arena_, at_, pop()));
                return true;
            default:
                return false;
        }
    }

    bool memory(PickleOp op) {
        switch (op) {
            case PickleOp::binget:
                return push_memo(in_.take_unsigned(1));
            case PickleOp::long_binget:
                return push_memo(in_.take_unsigned(4));
            case PickleOp::binput:
                return memoize(in_.take_unsigned(1));
            case PickleOp::long_binput:
                return memoize(in_.take_unsigned(4));
            case PickleOp::memoize:
                return memoize(memo_.size());
            case PickleOp::pop:  // a mark on top counts as an item
                if (!marks_.empty() && marks_.back() == stack_.size()) {
                    marks_.pop_back();
                } else {
                    pop();
                }
                return true;
            case PickleOp::pop_mark:
                pop_to_mark();
                return true;
            case PickleOp::dup:
                stack_.push_back(top());
                return true;
            case PickleOp::proto: {
                const uint64_t protocol = in_.take_unsigned(1);
                if (protocol > 5) fail(fmt::format("pickle protocol {} is unknown", protocol));
                return true;
            }
            case PickleOp::frame:
                if (in_.take_unsigned(8) > in_.remaining()) fail("a frame ends beyond the file");
                return true;
            default:
                return false;
        }
    }

    [[noreturn]] void fail(const std::string& what) const { in_.fail_damaged(at_, what); }

    template <typename T>
    bool push(T&& value) {
        if (arena_.size() >= max_values) fail("the pickle has too many values");
        stack_.push_back(arena_.make(at_, std::forward<T>(value)));
        return true;
    }

    bool push_tuple(std::size_t count) {
        PickleSequence tuple;
        tuple.items.resize(count);
        for (std::size_t i = count; i-- > 0;) tuple.items[i] = pop();
        return push(std::move(tuple));
    }

    bool push_long(uint64_t width) {
        if (width <= sizeof(int64_t)) return push(in_.take_signed(static_cast<std::size_t>(width)));
        return push(PickleBigInteger{in_.take_text(width)});
    }

    /** "I42", "L42L"; protocol 1 writes False and True as "I00" and "I01". */
    bool push_text_integer() {
        std::string_view digits = in_.take_line();
        if (digits == "00" || digits == "01") return push(digits == "01");
        if (digits.ends_with('L')) digits.remove_suffix(1);
        int64_t value = 0;
        const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (result.ec == std::errc::result_out_of_range) return push(PickleOpaque{"int"});
        if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) {
            fail("an integer is misspelt");
        }
        return push(value);
    }

    bool push_global(std::string_view module, std::string_view name) {
        if (module.size() + name.size() > max_name_length) fail("a global's name is too long");
        return push(PickleGlobal{fmt::format("{}.{}", module, name)});
    }

    bool push_call(PickleRef function, PickleRef arguments) {
        const auto* sequence = arguments->get<PickleSequence>();
        if (sequence == nullptr) fail("the arguments of a call are not a tuple");
        stack_.push_back(meaning_.call(in_, arena_, at_, function, sequence->items));
        return true;
    }

    bool append_items(std::span<const PickleRef> items) {
        PickleValue& target = *top();
        if (auto* sequence = target.get<PickleSequence>()) {
            sequence->items.insert(sequence->items.end(), items.begin(), items.end());
        } else if (target.get<PickleOpaque>() == nullptr) {
            fail("something is appended to what is no list");
        }
        return true;
    }

    bool set_items(std::span<const PickleRef> items) {
        if (items.size() % 2 != 0) fail("a dictionary has a key without a value");
        PickleValue& target = *top();
        if (auto* mapping = target.get<PickleMapping>()) {
            for (std::size_t i = 0; i < items.size(); i += 2) {
                mapping->entries.emplace_back(items[i], items[i + 1]);
            }
        } else if (target.get<PickleOpaque>() == nullptr) {
            fail("an item is set in what is no dictionary");
        }
        return true;
    }

    bool push_memo(uint64_t index) {
        const auto found = memo_.find(index);
        if (found == memo_.end()) fail(fmt::format("memo {} was never stored", index));
        stack_.push_back(found->second);
        return true;
    }

    bool memoize(uint64_t index) {
        memo_[index] = top();
        return true;
    }

    std::size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }

    PickleRef top() {
        if (stack_.size() <= bottom()) fail("the stack is empty");
        return stack_.back();
    }

    PickleRef pop() {
        const PickleRef value = top();
        stack_.pop_back();
        return value;
    }

    std::vector<PickleRef> pop_to_mark() {
        if (marks_.empty()) fail("a mark is missing");
        const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        std::vector<PickleRef> items(begin, stack_.end());
        stack_.erase(begin, stack_.end());
        marks_.pop_back();
        return items;
    }

    ByteReader& in_;
    PickleArena& arena_;
    PickleMeaning& meaning_;
    std::size_t at_ = 0;
    std::vector<PickleRef> stack_;
    std::vector<std::size_t> marks_;
    std::unordered_map<uint64_t, PickleRef> memo_;
};

}  // namespace

PickleRef unpickle(ByteReader& in, PickleArena& arena, PickleMeaning& meaning) {
    return Unpickler(in, arena, meaning).run();
}

}  // namespace comq
