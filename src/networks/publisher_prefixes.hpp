#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace comq {

/** How publishers are written in front of names, here and elsewhere, and where their files are. */
struct PublisherPrefix {
    std::string_view prefix;
    std::string_view source;
};

inline constexpr std::array<PublisherPrefix, 4> publisher_prefixes{
    {{"timm/", "https://huggingface.co/timm/"},
     {"hf_hub:timm/", "https://huggingface.co/timm/"},
     {"hf-hub:timm/", "https://huggingface.co/timm/"},
     {"torchvision/", "https://download.pytorch.org/"}}};

/** Who stands in front of `name`; null when nobody does. */
inline const PublisherPrefix* publisher_of(std::string_view name) {
    const auto found = std::ranges::find_if(
        publisher_prefixes,
        [&](const PublisherPrefix& publisher) { return name.starts_with(publisher.prefix); });
    return found == publisher_prefixes.end() ? nullptr : &*found;
}

/** `name` without the publisher in front, as known_model_names has it. */
inline std::string without_publisher(const std::string& name) {
    const PublisherPrefix* publisher = publisher_of(name);
    return publisher == nullptr ? name : name.substr(publisher->prefix.size());
}

}  // namespace comq
