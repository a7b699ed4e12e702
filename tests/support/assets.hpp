#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace comq::test {

/** Folder of real weights and images: $COMQ_ASSETS, else ../shared/assets beside the checkout. */
std::optional<std::filesystem::path> assets();
/** Folder of reference values: $COMQ_GOLDEN, else ../shared/golden, else none. */
std::optional<std::filesystem::path> golden();
/** Folder of the source tree. */
std::filesystem::path source_dir();
/** A new empty folder, removed when the process ends. */
std::filesystem::path temporary_folder();
/** The bytes of a file; empty where there is none. */
std::string text_of(const std::filesystem::path& file);

/**
 * Says loudly that the running test is skipped because `what` is missing; ctest shows it as
 * skipped. Fails the test instead when $COMQ_REQUIRE (a comma list) names `group`.
 */
void skip(const std::string& group, const std::string& what);

}  // namespace comq::test

/** Leaves the test case, skipped, unless the assets are there; defines `name` as their folder. */
#define COMQ_NEED_ASSETS(name)                                                   \
    if (!comq::test::assets()) {                                                 \
        comq::test::skip("assets", "real weights and images (set COMQ_ASSETS)"); \
        return;                                                                  \
    }                                                                            \
    const std::filesystem::path name = *comq::test::assets()

#define COMQ_NEED_GOLDEN(name)                                            \
    if (!comq::test::golden()) {                                          \
        comq::test::skip("assets", "reference values (set COMQ_GOLDEN)"); \
        return;                                                           \
    }                                                                     \
    const std::filesystem::path name = *comq::test::golden()
