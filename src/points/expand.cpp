#include "points/expand.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "config/override.hpp"
#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/text.hpp"
#include "experiment_config/config_text.hpp"

namespace comq {

namespace {

/** A scalar in quotes only where YAML would misread it. */
std::string value_text(const YamlNode& value) {
    if (value.kind != YamlNode::Kind::scalar) return flow_text(value);
    ConfigProblems problems;
    const auto read = parse_yaml(value.scalar, "", problems, false);
    const bool same = read && problems.empty() && read->scalar == value.scalar;
    return same ? value.scalar : print_yaml_text(value.scalar);
}

constexpr std::size_t id_digits = 16;

/** The keys that some choice of an axis sets, in the order of the axes. */
std::vector<std::string> varied_keys(const std::vector<Axis>& axes) {
    std::vector<std::string> keys;
    for (const Axis& axis : axes) {
        for (const Choice& choice : axis) {
            for (const Setting& setting : choice) {
                if (std::ranges::find(keys, setting.key) == keys.end()) keys.push_back(setting.key);
            }
        }
    }
    return keys;
}

class Expansion {
  public:
    Expansion(PointSet set, const Variation& variation, const LoadOptions& options)
        : options_(options),
          schema_(experiment_schema(options.known)),
          axes_(variation.axes),
          set_(std::move(set)) {
        for (const Setting& setting : variation.shared) shared_.push_back(document_of(setting));
        set_.varied = varied_keys(axes_);
    }

    PointSet run() {
        combine();
        problems_.throw_if_any();
        label_points(set_);
        return std::move(set_);
    }

  private:
    void combine() {
        std::vector<std::size_t> position(axes_.size(), 0);
        while (true) {
            std::vector<YamlNode> documents = shared_;
            YamlPosition last;
            for (std::size_t i = 0; i < axes_.size(); ++i) {
                for (const Setting& setting : axes_[i][position[i]]) {
                    documents.push_back(document_of(setting));
                    last = setting.value.position;
                }
            }
            add_point(documents, last);
            std::size_t i = axes_.size();
            while (i > 0 && ++position[i - 1] == axes_[i - 1].size()) position[--i] = 0;
            if (i == 0) return;
        }
    }

    void add_point(const std::vector<YamlNode>& documents, const YamlPosition& written) {
        Point point;
        try {
            point.config = load_config_documents(set_.config, documents, options_);
        } catch (const UsageError& error) {
            problems_.add(error);
            return;
        }
        auto& config = point.config.config;
        std::string further;  // that the identity of a run leaves out
        for (const auto& key : set_.varied) {
            point.values.push_back(schema_.find(key)->print(config));
            const auto info = std::ranges::find(schema_.keys(), key, &KeyInfo::key);
            if (!info->affects.numbers()) {
                further += fmt::format("{}: {}\n", key, point.values.back());
            }
        }
        point.id = sha256_hex(identity_text(config) + further).substr(0, id_digits);
        find_repetition(point, further);
        config.output.file = set_.folder / (point.id + ".h5");
        check_names(config, written);
        if (point.config.given.count("resources.cache") == 0) {
            config.resources.cache = set_.folder / "cache";
        }
        set_.points.push_back(std::move(point));
    }

    /** What a point runs is its config as a YAML file, which holds text. */
    void check_names(ExperimentConfig& config, const YamlPosition& written) {
        for (const auto& info : schema_.keys()) {
            const auto& path_of = schema_.find(info.key)->path;
            if (!path_of || is_utf8(path_of(config).string())) continue;
            problems_.add(written, info.key == "output.file" ? "folder" : info.key,
                          "leads to a name that is not UTF-8, which the configs of points can't "
                          "hold; use another folder");
        }
    }

    void find_repetition(Point& point, const std::string& further) {
        const bool seeded = depends_on_seed(point.config.config);
        const std::string run =
            identity_text(point.config.config,
                          [seeded](const KeyInfo& info) { return seeded || info.key != "seed"; }) +
            further;
        const auto [first, is_new] = first_of_run_.emplace(run, set_.points.size());
        if (!is_new) point.same_as = first->second;
    }

    const LoadOptions& options_;
    const ExperimentSchema& schema_;
    const std::vector<Axis>& axes_;
    PointSet set_;
    std::vector<YamlNode> shared_;
    ConfigProblems problems_;
    std::map<std::string, std::size_t> first_of_run_;  ///< by what tells runs apart
};

}  // namespace

Setting setting_of(const std::string& key, const std::string& value) {
    Setting setting{key, {}, {}};
    setting.value.kind = YamlNode::Kind::scalar;
    setting.value.scalar = value;
    return setting;
}

YamlNode document_of(const Setting& setting) {
    return nested_document(setting.key, setting.position, setting.value);
}

std::string override_of(const Setting& setting) {
    return setting.key + "=" + value_text(setting.value);
}

void lay_over(YamlNode& map, const YamlNode& more) {
    map.kind = YamlNode::Kind::map;
    map.position = more.position;
    for (auto& leaf : dotted_keys(more)) {
        const auto found = std::ranges::find(map.entries, leaf.key, &Setting::key);
        if (found == map.entries.end()) {
            map.entries.push_back(std::move(leaf));
        } else {
            *found = std::move(leaf);
        }
    }
}

ValueType<YamlNode> tree(YamlNode::Kind kind, std::string description) {
    ValueType<YamlNode> result;
    result.description = std::move(description);
    result.form = ValueForm::tree;
    result.read = [kind, text = result.description](const YamlNode& node, const std::string& key,
                                                    YamlNode& value, ConfigProblems& problems) {
        if (node.kind == kind && kind == YamlNode::Kind::map) {
            lay_over(value, node);
        } else if (node.kind == kind || node.kind == YamlNode::Kind::null) {
            value = node;
        } else {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", text, node.describe()));
        }
    };
    result.print = [](const YamlNode&) { return std::string("null"); };
    return result;
}

PointSet expand(PointSet set, const Variation& variation, const LoadOptions& options) {
    return Expansion(std::move(set), variation, options).run();
}

}  // namespace comq
