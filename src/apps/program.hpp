#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/completion.hpp"

namespace comq {

/**
 * The frame that every program shares: version, help, exit codes, an error as one line, output
 * that is checked to have arrived, log lines as "warning: …" on the standard error. Its constructor
 * makes the standard streams safe to use.
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

    /** Says which config keys may stand as key=value: for hints and for the shell's completion. */
    void offer_keys(std::function<std::vector<KeyInfo>()> keys);
    /** Completes the names of the files in a folder that comes with comq, "configs". */
    void offer_shipped_files(const std::string& folder);

    /** Result text: to `--output`, else to the standard output. */
    void print(std::string_view text);

    /**
     * Parses the command line and runs `body`; returns the exit code. `--complete WORD PREVIOUS`,
     * which the scripts in scripts/completion call, prints completions() instead.
     */
    int run(int argc, char** argv, const std::function<void()>& body);

  private:
    void parse(int argc, char** argv);

    CLI::App app_;
    Vocabulary vocabulary_;
    std::string output_;
    std::string text_;  ///< of all print() so far, for `--output`
    bool json_ = false;
};

}  // namespace comq
