#include "sweep/open_sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "config/problems.hpp"
#include "core/paths.hpp"
#include "experiment_config/experiment_schema.hpp"
#include "points/expand.hpp"
#include "sweep/sweep_spec.hpp"

namespace comq {

namespace {

constexpr std::size_t most_points = 100'000;

/**
 * Reads what all points of a sweep share, and an axis for its `points`, for its `zip` and for each
 * key of its `grid`.
 */
class VariationReader {
  public:
    VariationReader(const SweepSpec& spec, const KnownNames& known_names)
        : spec_(spec), schema_(experiment_schema(known_names)) {}

    Variation read() {
        read_shared();
        add_points();
        add_zip();
        add_grid();
        check_varied();
        problems_.throw_if_any();
        return std::move(variation_);
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
        std::vector<Setting> settings = dotted_keys(spec_.overrides);
        for (const auto& document : spec_.experiment_overrides) {
            for (auto& setting : dotted_keys(document)) settings.push_back(std::move(setting));
        }
        for (auto& setting : settings) {
            if (!known(setting)) continue;
            fixed_[setting.key] = setting.position;
            variation_.shared.push_back(std::move(setting));
        }
    }

    /** The values of an axis; a problem and none when there is no list of them. */
    const std::vector<YamlNode>& values_of(const Setting& setting) {
        static const std::vector<YamlNode> none;
        if (!known(setting)) return none;
        const YamlNode& list = setting.value;
        const bool is_list = list.kind == YamlNode::Kind::list;
        if (is_list && !list.items.empty()) return list.items;
        problems_.add(list.position, setting.key,
                      fmt::format("expected a list of values, not {}",
                                  is_list ? "an empty one" : list.describe()));
        return none;
    }

    void add_points() {
        Axis axis;
        for (const auto& item : spec_.points.items) {
            if (item.kind != YamlNode::Kind::map) {
                problems_.add(item.position, "points",
                              fmt::format("expected a map of keys, not {}", item.describe()));
                continue;
            }
            Choice choice = dotted_keys(item);
            std::erase_if(choice, [&](const Setting& setting) { return !known(setting); });
            axis.push_back(std::move(choice));
        }
        if (!axis.empty()) variation_.axes.push_back(std::move(axis));
    }

    void add_zip() {
        Axis axis;
        const Setting* first = nullptr;
        const auto settings = dotted_keys(spec_.zip);
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
        if (!axis.empty()) variation_.axes.push_back(std::move(axis));
    }

    void add_grid() {
        for (const auto& setting : dotted_keys(spec_.grid)) {
            Axis axis;
            for (const auto& value : values_of(setting)) {
                axis.push_back({{setting.key, setting.position, value}});
            }
            if (!axis.empty()) variation_.axes.push_back(std::move(axis));
        }
    }

    /** Each key is varied in one place and fixed in none. */
    void check_varied() {
        std::map<std::string, YamlPosition> varied;
        std::size_t count = 1;
        for (const auto& axis : variation_.axes) {
            count = std::min(count * axis.size(), most_points + 1);
            std::map<std::string, YamlPosition> keys;
            for (const auto& choice : axis) {
                for (const auto& setting : choice) keys.emplace(setting.key, setting.position);
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
        const YamlPosition whole(spec_.file, 1, 1);
        if (count > most_points) {
            problems_.add(whole, fmt::format("more than {} points", most_points));
        }
        if (variation_.axes.empty() && problems_.empty()) {
            problems_.add(whole, "varies nothing; give 'grid', 'zip' or 'points'");
        }
    }

    const SweepSpec& spec_;
    ExperimentSchema schema_;
    ConfigProblems problems_;
    Variation variation_;
    std::map<std::string, YamlPosition> fixed_;
};

}  // namespace

PointSet open_sweep(const std::filesystem::path& file, const std::vector<std::string>& arguments,
                    const KnownNames& known) {
    const SweepSpec spec = load_sweep(file, arguments);
    return expand({spec.name, spec.config, spec.folder, spec.local, spec.slurm},
                  VariationReader(spec, known).read(), {known, {data_folder() / "configs"}});
}

}  // namespace comq
