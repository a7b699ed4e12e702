#include "networks/exported_programs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>

#include "core/child_process.hpp"
#include "core/hash.hpp"
#include "storage/file_lock.hpp"
#include "support/catch.hpp"

namespace comq::test {

namespace fs = std::filesystem;

namespace {

std::string digest_of_scripts(const fs::path& folder) {
    std::map<fs::path, std::string> texts;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".py") texts[entry.path()] = text_of(entry.path());
    }
    std::string all;
    for (const auto& [file, text] : texts) all += text;
    return fmt::format("{:016x}\n", fnv1a64(all));
}

std::optional<fs::path> export_once(const std::string& name) {
    const fs::path folder = fs::path(COMQ_EXPORTED) / name;
    const fs::path scripts = source_dir() / "tests" / "networks";
    const std::string digest = digest_of_scripts(scripts);
    fs::create_directories(folder.parent_path());
    const std::atomic<bool> never{false};
    const auto lock = FileLock::wait(folder, never);
    if (text_of(folder / "digest") == digest) return folder;
    fs::remove_all(folder);
    fs::create_directories(folder);
    const auto code =
        run_with_torch(scripts / ("export_" + name + ".py"), {folder}, folder / "log");
    constexpr int lacks_package = 77;
    if (!code || *code == lacks_package) return std::nullopt;
    INFO(text_of(folder / "log"));
    REQUIRE(*code == 0);
    std::ofstream(folder / "digest") << digest;
    return folder;
}

}  // namespace

std::optional<fs::path> exported(const std::string& name) {
    static std::map<std::string, std::optional<fs::path>> known;
    const auto found = known.find(name);
    if (found != known.end()) return found->second;
    return known[name] = export_once(name);
}

std::optional<int> run_with_torch(const fs::path& script, const std::vector<std::string>& arguments,
                                  const fs::path& log) {
    const char* chosen = std::getenv("COMQ_PYTHON");
    for (const std::string python :
         {chosen != nullptr ? chosen : "python3", "python3", "/usr/bin/python3"}) {
        // The bits are those of the LibTorch that is linked; small_networks.py is a module, too.
        std::vector<std::string> command{
            "/usr/bin/env", "PYTHONDONTWRITEBYTECODE=1",
            "PYTHONPATH=" COMQ_TORCH_SITE ":" + (source_dir() / "tests" / "networks").string(),
            python};
        auto probe = command;
        probe.insert(probe.end(), {"-c", "import torch.export"});
        if (ChildProcess(probe, log).wait() != 0) continue;
        command.push_back(script);
        command.insert(command.end(), arguments.begin(), arguments.end());
        return ChildProcess(command, log).wait();
    }
    return std::nullopt;
}

std::vector<std::string> names_of_programs(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".pt2") names.push_back(entry.path().stem());
    }
    std::ranges::sort(names);
    return names;
}

}  // namespace comq::test
