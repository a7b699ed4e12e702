#include "sweep/expand.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "config/override.hpp"
#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/utf8.hpp"
#include "experiment_config/config_text.hpp"
#include "points/seed_use.hpp"
#include "sweep/point_label.hpp"

namespace comq {

namespace {

constexpr std::size_t most_points = 100'000;
constexpr std::size_t id_digits = 16;

/** A key of the experiment with what a sweep says about it. */
using Setting = YamlNode::Entry;
/** Settings that belong together: one choice of an axis. */
using Choice = std::vector<Setting>;
using Axis = std::vector<Choice>;

class Expansion {
  public:
    Expansion(SweepSpec spec, const LoadOptions& options)
        : options_(options), schema_(experiment_schema(options.known)) {
        sweep_.spec = std::move(spec);
    }

    Sweep run() {
        read_shared();
        add_points();
        add_zip();
        add_grid();
        check_varied();
        problems_.throw_if_any();
        combine();
        throw_failures();
        problems_.throw_if_any();
        label_points(sweep_);
        return std::move(sweep_);
    }

  private:
    bool known(const Setting& setting) {
        if (setting.key == "output.file") {
            problems_.add(setting.position, setting.key,
                          "a sweep names the files of its points itself; set 'folder'");
            return false;
        }
        if (schema_.find(setting.key) != nullptr) return true;
        // On the command line a key of the sweep may have been meant.
        auto candidates = schema_.keys();
        std::ranges::copy(sweep_keys(), std::back_inserter(candidates));
        problems_.add(setting.position, setting.key, unknown_key_message(setting.key, candidates));
        return false;
    }

    void read_shared() {
        std::vector<Setting> settings = dotted_keys(sweep_.spec.overrides);
        for (const auto& document : sweep_.spec.experiment_overrides) {
            for (auto& setting : dotted_keys(document)) settings.push_back(std::move(setting));
        }
        for (auto& setting : settings) {
            if (!known(setting)) continue;
            fixed_[setting.key] = setting.position;
            shared_.push_back(nested_document(setting.key, setting.position, setting.value));
        }
    }

    /** The values of an axis; a problem and none when there is no list of them. */
    const std::vector<YamlNode>& values_of(const Setting& setting) {
        static const std::vector<YamlNode> none;
        if (!known(setting)) return none;
        if (setting.value.kind != YamlNode::Kind::list || setting.value.items.empty()) {
            problems_.add(setting.value.position, setting.key,
                          fmt::format("expected a list of values, not {}",
                                      setting.value.items.empty() &&
                                              setting.value.kind == YamlNode::Kind::list
                                          ? "an empty one"
                                          : setting.value.describe()));
            return none;
        }
        return setting.value.items;
    }

    void add_points() {
        Axis axis;
        for (const auto& item : sweep_.spec.points.items) {
            if (item.kind != YamlNode::Kind::map) {
                problems_.add(item.position, "points",
                              fmt::format("expected a map of keys, not {}", item.describe()));
                continue;
            }
            Choice choice = dotted_keys(item);
            std::erase_if(choice, [&](const Setting& setting) { return !known(setting); });
            axis.push_back(std::move(choice));
        }
        if (!axis.empty()) axes_.push_back(std::move(axis));
    }

    void add_zip() {
        Axis axis;
        const Setting* first = nullptr;
        const auto settings = dotted_keys(sweep_.spec.zip);
        for (const auto& setting : settings) {
            const auto& values = values_of(setting);
            if (values.empty()) continue;
            if (first == nullptr) {
                first = &setting;
                axis.resize(values.size());
            }
            if (values.size() != axis.size()) {
                problems_.add(setting.position, setting.key,
                              fmt::format("has {} values, but {} has {}; lists of a zip are of "
                                          "one length",
                                          values.size(), first->key, axis.size()));
                continue;
            }
            for (std::size_t i = 0; i < values.size(); ++i) {
                axis[i].push_back({setting.key, setting.position, values[i]});
            }
        }
        if (!axis.empty()) axes_.push_back(std::move(axis));
    }

    void add_grid() {
        for (const auto& setting : dotted_keys(sweep_.spec.grid)) {
            Axis axis;
            for (const auto& value : values_of(setting)) {
                axis.push_back({{setting.key, setting.position, value}});
            }
            if (!axis.empty()) axes_.push_back(std::move(axis));
        }
    }

    /** Each key is varied in one place and fixed in none. */
    void check_varied() {
        std::map<std::string, YamlPosition> varied;
        std::size_t count = 1;
        for (const auto& axis : axes_) {
            count = std::min(count * axis.size(), most_points + 1);
            std::map<std::string, YamlPosition> keys;
            for (const auto& choice : axis) {
                for (const auto& setting : choice) {
                    if (keys.emplace(setting.key, setting.position).second) {
                        sweep_.varied.push_back(setting.key);
                    }
                }
            }
            for (const auto& [key, position] : keys) {
                const auto [other, is_new] = varied.emplace(key, position);
                if (!is_new) {
                    problems_.add(position, key,
                                  "is varied at " + other->second.text() + " too; name it once");
                } else if (const auto found = fixed_.find(key); found != fixed_.end()) {
                    problems_.add(found->second, key,
                                  fmt::format("is varied by the sweep ({}); change its values "
                                              "there, or with grid.{}=[...]",
                                              position.text(), key));
                }
            }
        }
        const YamlPosition whole(sweep_.spec.file, 1, 1);
        if (count > most_points) {
            problems_.add(whole, fmt::format("more than {} points", most_points));
        }
        if (axes_.empty() && problems_.empty()) {
            problems_.add(whole, "varies nothing; give 'grid', 'zip' or 'points'");
        }
    }

    void combine() {
        std::vector<std::size_t> position(axes_.size(), 0);
        while (true) {
            std::vector<YamlNode> documents = shared_;
            YamlPosition last;
            for (std::size_t i = 0; i < axes_.size(); ++i) {
                for (const auto& setting : axes_[i][position[i]]) {
                    documents.push_back(
                        nested_document(setting.key, setting.position, setting.value));
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
        SweepPoint point;
        try {
            point.config = load_config_documents(sweep_.spec.config, documents, options_);
        } catch (const UsageError& error) {
            std::istringstream lines(error.what());
            for (std::string line; std::getline(lines, line);) {
                if (reported_.insert(line).second) failures_.push_back(line);
            }
            return;
        }
        auto& config = point.config.config;
        std::string further;  // that the identity of a run leaves out
        for (const auto& key : sweep_.varied) {
            point.values.push_back(schema_.find(key)->print(config));
            const auto info = std::ranges::find(schema_.keys(), key, &KeyInfo::key);
            if (!info->affects.numbers()) {
                further += fmt::format("{}: {}\n", key, point.values.back());
            }
        }
        point.id = sha256_hex(identity_text(config) + further).substr(0, id_digits);
        find_repetition(point, further);
        config.output.file = sweep_.spec.folder / (point.id + ".h5");
        check_names(config, written);
        if (point.config.given.count("resources.cache") == 0) {
            config.resources.cache = sweep_.spec.folder / "cache";
        }
        sweep_.points.push_back(std::move(point));
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

    void find_repetition(SweepPoint& point, const std::string& further) {
        const bool seeded = depends_on_seed(point.config.config);
        const std::string run =
            identity_text(point.config.config,
                          [seeded](const KeyInfo& info) { return seeded || info.key != "seed"; }) +
            further;
        const auto [first, is_new] = first_of_run_.emplace(run, sweep_.points.size());
        if (!is_new) point.same_as = first->second;
    }

    void throw_failures() const {
        if (failures_.empty()) return;
        std::string text;
        for (const auto& line : failures_) text += (text.empty() ? "" : "\n") + line;
        throw UsageError("{}", text);
    }

    const LoadOptions& options_;
    ExperimentSchema schema_;
    ConfigProblems problems_;
    Sweep sweep_;
    std::map<std::string, YamlPosition> fixed_;
    std::vector<YamlNode> shared_;
    std::vector<Axis> axes_;
    std::map<std::string, std::size_t> first_of_run_;  ///< by what tells runs apart
    std::set<std::string> reported_;
    std::vector<std::string> failures_;  ///< what the configs of points say is wrong, each once
};

}  // namespace

Sweep expand(SweepSpec spec, const LoadOptions& options) {
    return Expansion(std::move(spec), options).run();
}

std::size_t Sweep::runs() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(points, [](const SweepPoint& point) { return !point.same_as; }));
}

}  // namespace comq
