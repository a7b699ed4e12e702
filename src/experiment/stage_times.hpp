#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "results/run_record.hpp"

namespace comq {

/** Wall-clock times of the stages of a run, in the order in which they first ended. */
class StageTimes {
  public:
    /** Runs `stage` and adds its time to that of the stages of its name, also when it throws. */
    template <typename Stage>
    auto timed(const std::string& name, Stage&& stage) {
        struct Timer {
            std::vector<StageRecord>& stages;
            const std::string& name;
            std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
            ~Timer() {
                const std::chrono::duration<double> elapsed =
                    std::chrono::steady_clock::now() - start;
                const auto known = std::ranges::find(stages, name, &StageRecord::name);
                if (known == stages.end()) {
                    stages.push_back({name, elapsed.count()});
                } else {
                    known->seconds += elapsed.count();
                }
            }
        } timer{stages_, name};
        return stage();
    }

    const std::vector<StageRecord>& stages() const { return stages_; }

  private:
    std::vector<StageRecord> stages_;
};

}  // namespace comq
