#include "export/workplace.hpp"

#include <cstdlib>

#include "core/child_process.hpp"
#include "support/catch.hpp"

namespace comq::test {

int Workplace::run(const std::string& program, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), std::string(COMQ_PROGRAMS) + "/" + program);
    return ChildProcess(arguments, folder / "log").wait();
}

int Workplace::experiment(const std::string& config, const std::string& result,
                          std::vector<std::string> more) const {
    more.insert(more.begin(), {(source_dir() / "configs" / config).string(), "resources.cache=null",
                               "--quiet", "--output=" + (folder / result).string()});
    return run("run_experiment", more);
}

bool python_can_export() {
    ::setenv("PYTHONPATH", COMQ_TORCH_SITE, 1);
    ::setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    const std::string program =
        "import importlib.util, sys\n"
        "sys.exit(any(importlib.util.find_spec(name) is None for name in ('torch', 'torchvision', "
        "'timm', 'safetensors', 'onnx', 'onnxscript', 'onnxruntime', 'transformers', "
        "'compressed_tensors')))";
    return ChildProcess({"python3", "-c", program}, "/dev/null").wait() == 0;
}

bool check_with_python(const std::string& script, const std::vector<std::string>& arguments,
                       const std::filesystem::path& log) {
    std::vector<std::string> command{"python3", "-W", "ignore",
                                     (source_dir() / "tests" / "export" / script).string()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const int code = ChildProcess(command, log).wait();
    UNSCOPED_INFO(text_of(log));
    return code == 0;
}

}  // namespace comq::test
