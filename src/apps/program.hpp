#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace comq {

/**
 * The frame that every program shares: version, help, exit codes, an error as one line, output
 * that is checked to have arrived. Its constructor makes the standard streams safe to use.
 */
class Program {
  public:
    /** `name` is what is typed; `footer` closes the help: examples, exit codes. */
    Program(const std::string& name, const std::string& description, const std::string& footer);

    /** To add arguments to. */
    CLI::App& arguments() { return app_; }

    /** Adds `-o, --output FILE`, which then takes what print() would show. */
    void offer_output_file();
    /** Adds `--json`. */
    void offer_json();
    bool json() const { return json_; }

    /** Result text: to `--output`, else to the standard output. */
    void print(std::string_view text);

    /** Parses the command line and runs `body`; returns the exit code. */
    int run(int argc, char** argv, const std::function<void()>& body);

  private:
    CLI::App app_;
    std::string output_;
    std::string text_;  ///< of all print() so far, for `--output`
    bool json_ = false;
};

}  // namespace comq
