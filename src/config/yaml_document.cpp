#include "config/yaml_document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "config/indentation.hpp"
#include "config/problems.hpp"
#include "core/input_file.hpp"
#include "core/text.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20;

/** Ends the parse; the message goes on with the position. */
struct Refusal {
    YAML::Mark mark;
    std::string what;
};

/** Builds the tree from yaml-cpp's events: its own nodes lose repeated keys. */
class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(YamlPosition start, int last_line, ConfigProblems& problems)
        : start_(std::move(start)), last_line_(last_line), problems_(problems) {}

    YamlPosition position(const YAML::Mark& mark) const {
        YamlPosition position = start_;
        if (start_.line > 0 && !mark.is_null()) {
            position.line = std::min(mark.line + 1, last_line_);
            position.column = mark.column + 1;
        }
        return position;
    }
    YamlNode take_root() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        throw Refusal{mark,
                      "aliases (*name) are not supported; write the value out, or share it "
                      "between files by 'defaults:'"};
    }
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_anchor(mark, anchor);
        if (expects_key()) throw Refusal{mark, "a key is missing before ':'"};
        place(node(mark, YamlNode::Kind::null));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_anchor(mark, anchor);
        // "?" marks a plain scalar, "!" one in quotes or a block.
        if (tag != "?" && tag != "!" && !tag.empty()) refuse_tag(mark);
        if (value.find('\0') != std::string::npos) {
            throw Refusal{mark, "the text holds a zero byte"};
        }
        if (expects_key()) {
            begin_entry(mark, value);
            return;
        }
        YamlNode scalar = node(mark, YamlNode::Kind::scalar);
        scalar.quoted = tag == "!";
        scalar.scalar = value;
        place(std::move(scalar));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, YamlNode::Kind::list);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, YamlNode::Kind::map);
    }
    void OnMapEnd() override { close(); }

  private:
    struct Frame {
        YamlNode node;
        bool key_pending = false;          ///< the last entry of the map waits for its value
        std::map<std::string, int> lines;  ///< where each key of the map was first given
    };

    YamlNode node(const YAML::Mark& mark, YamlNode::Kind kind) const {
        YamlNode result;
        result.kind = kind;
        result.position = position(mark);
        return result;
    }
    bool expects_key() const {
        return !open_.empty() && open_.back().node.kind == YamlNode::Kind::map &&
               !open_.back().key_pending;
    }
    static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (anchor != 0) {
            throw Refusal{mark,
                          "anchors (&name) are not supported; write the value out, or share "
                          "it between files by 'defaults:'"};
        }
    }
    [[noreturn]] static void refuse_tag(const YAML::Mark& mark) {
        throw Refusal{mark, "tags (!name) are not supported; quote the value to make it a text"};
    }

    void begin_entry(const YAML::Mark& mark, const std::string& key) {
        Frame& frame = open_.back();
        const int line = position(mark).line;
        const auto [first, is_new] = frame.lines.emplace(key, line);
        if (!is_new) {
            problems_.add(position(mark), path_of(key),
                          line > 0 ? fmt::format("is given twice, first at line {}", first->second)
                                   : "is given twice");
        }
        frame.node.entries.push_back({key, position(mark), {}});
        frame.key_pending = true;
    }
    std::string path_of(const std::string& key) const {
        std::string path;
        for (const auto& frame : open_) {
            if (frame.key_pending) path += frame.node.entries.back().key + ".";
        }
        return path + key;
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              YamlNode::Kind kind) {
        refuse_anchor(mark, anchor);
        if (tag != "?" && !tag.empty()) refuse_tag(mark);
        if (expects_key()) throw Refusal{mark, "a key must be a plain text, not a list or map"};
        open_.push_back({node(mark, kind), false, {}});
    }
    void close() {
        YamlNode finished = std::move(open_.back().node);
        open_.pop_back();
        place(std::move(finished));
    }
    void place(YamlNode value) {
        if (open_.empty()) {
            root_ = std::move(value);
        } else if (open_.back().node.kind == YamlNode::Kind::list) {
            open_.back().node.items.push_back(std::move(value));
        } else {
            open_.back().node.entries.back().value = std::move(value);
            open_.back().key_pending = false;
        }
    }

    YamlPosition start_;
    int last_line_;
    ConfigProblems& problems_;
    std::vector<Frame> open_;
    YamlNode root_;
};

/** What yaml-cpp or the system may accept in silence: control characters and tab indentation. */
bool add_character_problems(std::string_view text, YamlPosition position,
                            ConfigProblems& problems) {
    bool in_indentation = true;
    int line = 1;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (position.line > 0) position.line = line;
        if (c == '\n') {
            ++line;
            in_indentation = true;
        } else if (c == '\t' && in_indentation) {
            problems.add(position, "wrong indentation: a tab begins the line; YAML wants spaces");
            return true;
        } else if ((byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7f) {
            problems.add(position,
                         fmt::format("byte 0x{:02x} is no text; is this a YAML file?", byte));
            return true;
        } else if (c != ' ') {
            in_indentation = false;
        }
    }
    return false;
}

bool add_encoding_problem(std::string_view text, YamlPosition position, ConfigProblems& problems) {
    std::istringstream lines{std::string(text)};
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        if (is_utf8(line)) continue;
        if (position.line > 0) position.line = number;
        problems.add(position, "the text is not valid UTF-8");
        return true;
    }
    return false;
}

/** yaml-cpp's messages assume that one knows its scanner; the most frequent ones say more here. */
std::string reworded(const std::string& message) {
    static const std::array<std::pair<const char*, const char*>, 8> known = {{
        {YAML::ErrorMsg::END_OF_MAP, "expected 'key: value'; is there a space after ':'?"},
        {YAML::ErrorMsg::END_OF_SEQ, "expected '- value'; is there a space after '-'?"},
        {YAML::ErrorMsg::END_OF_MAP_FLOW, "a '{' is not closed by '}', or a ',' is missing"},
        {YAML::ErrorMsg::END_OF_SEQ_FLOW, "a '[' is not closed by ']', or a ',' is missing"},
        {YAML::ErrorMsg::EOF_IN_SCALAR, "a quote is opened but not closed"},
        {YAML::ErrorMsg::DOC_IN_SCALAR, "a quote is opened but not closed"},
        {YAML::ErrorMsg::MAP_VALUE, "a ':' stands where no value can; quote texts that hold ': '"},
        {YAML::ErrorMsg::MAP_KEY, "a key can't stand here"},
    }};
    for (const auto& [theirs, ours] : known) {
        if (message == theirs) return ours;
    }
    return excerpt(message);
}

/** What follows a key on its own line can't have a value: no matter of indentation. */
bool follows_value(std::string_view text, const YAML::Mark& mark) {
    const auto before =
        text.substr(0, std::min<std::size_t>(static_cast<std::size_t>(mark.pos), text.size()));
    const auto line = before.substr(before.rfind('\n') + 1);
    return line.find(": ") != std::string_view::npos;
}

std::string explanation(std::string_view text, const YAML::Exception& error, bool lines) {
    const bool of_block =
        error.msg == YAML::ErrorMsg::END_OF_MAP || error.msg == YAML::ErrorMsg::END_OF_SEQ ||
        (error.msg == YAML::ErrorMsg::MAP_VALUE && !follows_value(text, error.mark));
    if (lines && of_block && !error.mark.is_null()) {
        auto problem = indentation_problem(text, error.mark.line + 1);
        if (!problem.empty()) return problem;
    }
    return reworded(error.msg);
}

bool begins_document(std::string_view text) {
    return text.starts_with("---") || text.find("\n---") != std::string_view::npos;
}

}  // namespace

std::string YamlPosition::text() const {
    const std::string name = source ? *source : "config";
    return line > 0 ? fmt::format("{}:{}", name, line) : name;
}

const YamlNode* YamlNode::find(std::string_view key) const {
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& candidate) { return candidate.key == key; });
    return entry == entries.end() ? nullptr : &entry->value;
}

std::string YamlNode::describe() const {
    switch (kind) {
        case Kind::null:
            return "nothing";
        case Kind::list:
            return "a list";
        case Kind::map:
            return "a map";
        case Kind::scalar:
            break;
    }
    return fmt::format("{}'{}'", quoted ? "the quoted text " : "", excerpt(scalar));
}

std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& source,
                                   ConfigProblems& problems, bool lines) {
    const YamlPosition start(source, lines ? 1 : 0, lines ? 1 : 0);
    if (add_character_problems(text, start, problems) ||
        add_encoding_problem(text, start, problems)) {
        return std::nullopt;
    }
    const auto line_ends = std::count(text.begin(), text.end(), '\n');
    const int last_line = static_cast<int>(line_ends) + (text.ends_with('\n') ? 0 : 1);
    TreeBuilder builder(start, std::max(last_line, 1), problems);
    try {
        // yaml-cpp takes a quote that is open at the end of the file for closed, but not one that
        // is open at the end of a document.
        std::istringstream stream{std::string(text) + "\n...\n"};
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder)) {
            YamlNode empty;
            empty.position = start;
            return empty;
        }
        YamlNode root = builder.take_root();
        if (parser.HandleNextDocument(builder)) {
            const YamlPosition position = builder.take_root().position;
            auto problem = indentation_problem(text, position.line);
            if (begins_document(text) || problem.empty()) problem = "a second document starts here";
            problems.add(position, problem);
            return std::nullopt;
        }
        return root;
    } catch (const Refusal& refusal) {
        problems.add(builder.position(refusal.mark), refusal.what);
    } catch (const YAML::DeepRecursion&) {
        problems.add(start, "lists and maps are nested too deeply");
    } catch (const YAML::Exception& error) {
        problems.add(builder.position(error.mark), explanation(text, error, lines));
    }
    return std::nullopt;
}

std::optional<YamlNode> read_yaml_file(const fs::path& file, ConfigProblems& problems,
                                       YamlNode::Kind expected) {
    const char* form = expected == YamlNode::Kind::list ? "'- item'" : "'key: value'";
    const YamlPosition position(file.string());
    std::error_code error;
    if (fs::is_directory(file, error)) {
        problems.add(position, "is a folder; expected a YAML file");
        return std::nullopt;
    }
    if (fs::exists(file, error) && !fs::is_regular_file(file, error)) {
        problems.add(position, "is not a regular file; write the YAML to one");
        return std::nullopt;
    }
    const auto read = text_if_readable(file, 0, largest_file + 1);
    if (!read) {
        problems.add(position, fs::exists(file, error) ? "can't be read" : "no such file");
        return std::nullopt;
    }
    const std::string& text = *read;
    if (text.size() > largest_file) {
        problems.add(position, "is larger than 1 MiB; is this a YAML file?");
        return std::nullopt;
    }
    auto root = parse_yaml(text, file.string(), problems);
    if (root && root->kind == YamlNode::Kind::null) {
        problems.add(position, fmt::format("is empty; expected {} lines", form));
        return std::nullopt;
    }
    if (root && root->kind != expected) {
        problems.add(root->position,
                     fmt::format("expected {} lines, not {}", form, root->describe()));
        return std::nullopt;
    }
    return root;
}

std::string excerpt(std::string_view text) {
    std::size_t end = std::min<std::size_t>(text.size(), 60);
    // A cut never leaves half a UTF-8 character.
    while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
        --end;
    }
    std::string result;
    for (const char c : text.substr(0, end)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            result += c == '\n' ? "\\n" : fmt::format("\\x{:02x}", byte);
        } else {
            result += c;
        }
    }
    return text.size() > end ? result + "..." : result;
}

}  // namespace comq
