#include "weights/state_dict.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/errors.hpp"
#include "weights/tensor_reader.hpp"

namespace comq {
namespace {

constexpr std::array<std::string_view, 7> wrappers{
    "state_dict_ema", "model_ema", "ema", "state_dict", "model", "model_state_dict", "net"};
constexpr int max_depth = 4;
constexpr std::size_t max_dictionaries = 256;
constexpr std::size_t max_listed = 8;

/** A dictionary in which tensors stand. */
struct Candidate {
    const PickleMapping* mapping = nullptr;
    std::string path = {};
    /** Positions of the path's keys in `wrappers`; an unknown key has the last one. */
    std::vector<std::size_t> ranks = {};
    std::size_t tensors = 0;
    bool has_matrix = false;  ///< a tensor of 2 dimensions or more, as weights are

    bool is_wrapped() const {
        return !ranks.empty() &&
               std::ranges::all_of(ranks, [](std::size_t rank) { return rank < wrappers.size(); });
    }
};

bool is_matrix(const TorchTensor& tensor) {
    const auto* size = tensor.size == nullptr ? nullptr : tensor.size->get<PickleSequence>();
    return size != nullptr && size->items.size() > 1;
}

/** The dictionaries that text keys lead to, the outer before the inner. */
class Search {
  public:
    explicit Search(const PickleMapping& root) { visit(root, {}, 0); }
    std::vector<Candidate> found;

  private:
    void visit(const PickleMapping& mapping, const Candidate& outer, int depth) {
        // A pickle may name one dictionary by any number of paths, itself among them.
        if (depth > max_depth || !seen_.insert(&mapping).second) return;
        if (seen_.size() > max_dictionaries) return;
        Candidate here = outer;
        here.mapping = &mapping;
        for (const auto& [key, value] : mapping.entries) {
            const auto* tensor = value->get<TorchTensor>();
            if (tensor == nullptr) continue;
            ++here.tensors;
            here.has_matrix = here.has_matrix || is_matrix(*tensor);
        }
        if (here.tensors > 0) found.push_back(here);
        for (const auto& [key, value] : mapping.entries) {
            const auto* inner = value->get<PickleMapping>();
            const auto* name = key->get<std::string_view>();
            if (inner == nullptr || name == nullptr) continue;
            Candidate next{.path = fmt::format("{}{}{}", outer.path, outer.path.empty() ? "" : ".",
                                               name->substr(0, 200)),
                           .ranks = outer.ranks};
            next.ranks.push_back(
                static_cast<std::size_t>(std::ranges::find(wrappers, *name) - wrappers.begin()));
            visit(*inner, next, depth + 1);
        }
    }

    std::set<const PickleMapping*> seen_;
};

std::string first_keys(const PickleMapping& mapping) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : mapping.entries) {
        if (keys.size() == max_listed) {
            keys.emplace_back("…");
            break;
        }
        const auto* text = key->get<std::string_view>();
        keys.push_back(text != nullptr ? fmt::format("'{}'", text->substr(0, 80)) : describe(*key));
    }
    return fmt::format("{}", fmt::join(keys, ", "));
}

/** "state_dict (320 tensors: model, ema_model), …": the begins of names tell networks apart. */
std::string list(const std::vector<Candidate>& candidates) {
    std::vector<std::string> parts;
    for (const Candidate& candidate : candidates) {
        if (parts.size() == max_listed) {
            parts.emplace_back("…");
            break;
        }
        std::set<std::string_view> begins;
        for (const auto& [key, value] : candidate.mapping->entries) {
            const auto* name = key->get<std::string_view>();
            if (name == nullptr || value->get<TorchTensor>() == nullptr) continue;
            begins.insert(name->substr(0, name->find('.')));
        }
        std::string names;
        if (begins.size() <= max_listed) names = fmt::format(": {}", fmt::join(begins, ", "));
        parts.push_back(
            fmt::format("{} ({} tensors{})",
                        candidate.path.empty() ? "the root" : fmt::format("'{}'", candidate.path),
                        candidate.tensors, names));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

/** The entries of training scripts that are no dictionaries: a pickled module, for one. */
[[noreturn]] void refuse_root(const PickleMapping& root, const std::string& file) {
    for (const auto& [key, value] : root.entries) {
        const auto* name = key->get<std::string_view>();
        const bool known = name != nullptr && std::ranges::find(wrappers, *name) != wrappers.end();
        const bool is_object = value->get<PickleOpaque>() != nullptr;
        if (!known || !is_object) continue;
        throw InputError(
            "{}: byte {}: entry '{}' is {} and not a dictionary of tensors (load it where it was "
            "made and save its state_dict())",
            file, value->offset, *name, describe(*value));
    }
    throw InputError("{}: no tensors among its entries {} (known entries of that kind: {})", file,
                     first_keys(root), fmt::join(wrappers, ", "));
}

bool has_name_below(const PickleMapping& mapping, const std::string& prefix) {
    return std::ranges::any_of(mapping.entries, [&](const auto& entry) {
        const auto* name = entry.first->template get<std::string_view>();
        return name != nullptr && name->starts_with(prefix) &&
               entry.second->template get<TorchTensor>() != nullptr;
    });
}

/** Those below entries of training scripts, the best first; counters beside them don't count. */
std::vector<Candidate> wrapped_networks(const std::vector<Candidate>& candidates) {
    std::vector<Candidate> wrapped;
    std::ranges::copy_if(candidates, std::back_inserter(wrapped), &Candidate::is_wrapped);
    if (std::ranges::any_of(wrapped, &Candidate::has_matrix)) {
        std::erase_if(wrapped, [](const Candidate& candidate) { return !candidate.has_matrix; });
    }
    std::ranges::stable_sort(wrapped, {}, &Candidate::ranks);
    return wrapped;
}

StateDict find_wanted(const std::vector<Candidate>& candidates, const std::string& wanted,
                      const std::string& file) {
    for (const Candidate& candidate : candidates) {
        if (candidate.path == wanted) return {candidate.mapping, candidate.path, {}};
    }
    for (const Candidate& candidate : candidates) {
        const std::string outer = candidate.path.empty() ? "" : candidate.path + ".";
        if (!wanted.starts_with(outer)) continue;
        const std::string prefix = wanted.substr(outer.size()) + ".";
        if (has_name_below(*candidate.mapping, prefix)) {
            return {candidate.mapping, wanted, {}, prefix};
        }
    }
    throw InputError("{}: model.state_dict names '{}', which holds no tensors; there are {}", file,
                     wanted, list(candidates));
}

}  // namespace

StateDict find_state_dict(const PickleValue& root, const std::string& wanted,
                          const std::string& file) {
    const auto* mapping = root.get<PickleMapping>();
    if (mapping == nullptr) {
        throw InputError(
            "{}: byte {}: the checkpoint is {} and not a dictionary of tensors (load "
            "it where it was made and save its state_dict())",
            file, root.offset, describe(root));
    }
    const std::vector<Candidate> candidates = Search(*mapping).found;
    if (candidates.empty()) refuse_root(*mapping, file);
    if (!wanted.empty()) return find_wanted(candidates, wanted, file);

    if (const auto wrapped = wrapped_networks(candidates); !wrapped.empty()) {
        StateDict found{wrapped.front().mapping, wrapped.front().path, {}};
        for (std::size_t i = 1; i < wrapped.size(); ++i) found.others.push_back(wrapped[i].path);
        return found;
    }
    const Candidate& first = candidates.front();
    if (candidates.size() == 1 || (first.path.empty() && first.has_matrix)) {
        return {first.mapping, first.path, {}};
    }
    const auto is_network = [](const Candidate& candidate) { return candidate.has_matrix; };
    const auto network = std::ranges::find_if(candidates, is_network);
    if (std::ranges::count_if(candidates, is_network) == 1) {
        return {network->mapping, network->path, {}};
    }
    throw InputError("{}: several dictionaries of tensors: {}; choose by model.state_dict", file,
                     list(candidates));
}

TensorMap extract_tensors(const StateDict& state_dict, StorageSource& source,
                          const std::string& file, std::size_t file_size) {
    TensorReader reader(source, file, file_size);
    TensorMap tensors;
    for (const auto& [key, value] : state_dict.mapping->entries) {
        const auto* text = key->get<std::string_view>();
        std::string name(text != nullptr ? *text : describe(*key));
        if (!name.starts_with(state_dict.prefix)) continue;
        if (value->get<PickleOpaque>() != nullptr || value->get<TorchStorage>() != nullptr) {
            throw InputError(
                "{}: byte {}: '{}' is {}, which is not read: only plain tensors are "
                "(load it where it was made and save tensors)",
                file, value->offset, name, describe(*value));
        }
        const auto* tensor = value->get<TorchTensor>();
        if (tensor == nullptr) continue;
        if (text == nullptr) {
            throw InputError("{}: byte {}: a tensor's name is {} instead of text", file,
                             key->offset, name);
        }
        HostTensor values = reader.read(name, *tensor);
        name.erase(0, state_dict.prefix.size());
        if (!tensors.emplace(name, std::move(values)).second) {
            throw InputError("{}: tensor '{}' stands twice in the state_dict", file, name);
        }
    }
    return tensors;
}

}  // namespace comq
