#pragma once

#include "points/point.hpp"

namespace comq {

/** What the tasks of a set have taken from the cluster, as their scripts wrote down. */
struct TaskTimes {
    std::size_t tasks = 0;      ///< a task that was requeued counts each time
    double wall_seconds = 0.0;  ///< from the first that began to the last that ended
    double core_hours = 0.0;
};

/**
 * Adds up what each task wrote into the folder `slurm` when it began and when it ended. One that
 * was killed has ended when it last printed something.
 */
TaskTimes task_times(const PointSet& set);

}  // namespace comq
