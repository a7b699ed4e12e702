#include "export/python_job.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/input_file.hpp"
#include "core/paths.hpp"
#include "storage/output_file.hpp"
#include "storage/safetensors.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

fs::path export_script() {
    const fs::path script = fs::path("scripts") / "exporting" / "write.py";
    for (const fs::path& folder : {data_folder(), source_folder()}) {
        if (fs::exists(folder / script)) return folder / script;
    }
    throw Failure("{} has no {}, which writes this format; install comq again",
                  data_folder().string(), script.string());
}

std::string text_in(const fs::path& file) { return text_if_readable(file).value_or(""); }

}  // namespace

PythonJob::PythonJob(const fs::path& output) {
    const fs::path parent = output.has_parent_path() ? output.parent_path() : ".";
    create_folder(parent);
    std::string name = (fs::absolute(parent) / ".comq-export-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw Failure("{}: no folder can be made in it for the export", parent.string());
    }
    folder_ = name;
}

PythonJob::~PythonJob() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

void PythonJob::give(const std::string& name, const TensorMap& tensors) const {
    write_safetensors(file(name + ".safetensors"), tensors, {{"format", "pt"}});
}

nlohmann::json PythonJob::run(const nlohmann::json& job) const {
    const fs::path error = file("error.txt");
    std::ofstream(file("job.json")) << job;
    const std::string command =
        fmt::format("python3 -W ignore {} {}", shell_quoted(export_script().string()),
                    shell_quoted(folder_.string()));
    const int status = run_shell(command).exit_code;
    if (status == 0) return nlohmann::json::parse(text_in(file("answer.json")));
    if (const std::string said = text_in(error); !said.empty()) throw InputError("{}", said);
    if (status == 127) {
        throw Failure("python3 is not in the path; this format is written with Python's libraries");
    }
    throw Failure("{} ended with exit code {}; what it said is above", export_script().string(),
                  status);
}

void PythonJob::publish(const fs::path& output) const {
    std::error_code error;
    fs::rename(file("written"), output_target(output), error);
    if (error) throw Failure("{}: can't be written: {}", output.string(), error.message());
}

}  // namespace comq
