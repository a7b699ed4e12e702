#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiment_config/load_config.hpp"

namespace comq {

/** An experiment of a sweep, or one that fills a cell of a table: a config with what it changes. */
struct Point {
    /**
     * 16 hexadecimal digits of the hash of the config's identity_text and of whatever else the
     * set varies (checkpoints, data, threads): the same point has the same files in every later
     * call.
     */
    std::string id;
    LoadedConfig config;              ///< `output.file` and the cache lie in the set's folder
    std::vector<std::string> values;  ///< of PointSet::varied, in YAML
    std::string label;                ///< what varies, in short: "bits=4 order=greedy"
    /**
     * Position of the earlier point whose run is this one's, too: the same experiment, or one that
     * differs in a seed on which nothing depends (depends_on_seed). Such a point is never run.
     */
    std::optional<std::size_t> same_as;

    const std::filesystem::path& result() const { return config.config.output.file; }
};

/** How points run on this machine. */
struct LocalSettings {
    int jobs = 1;     ///< points at a time
    int threads = 0;  ///< of each point; 0: its own resources.threads, or a share of the cores
};

/** What a job does when all tasks have ended. */
struct LastJob {
    bool collect = false;             ///< the table of the sweep
    std::filesystem::path table;      ///< a table as make_tables takes it; empty: none
    bool report = false;              ///< the page of make_report
    std::optional<std::string> mail;  ///< whom Slurm tells of its end
};

/** How points run under Slurm. */
struct SlurmSettings {
    int concurrent = 0;       ///< tasks of the array at a time; 0: as many as Slurm allows
    int points_per_task = 1;  ///< that a task runs, one after the other
    int ranks = 1;            ///< processes of a point, each with `cpus` cores
    std::optional<std::string> prefix;   ///< shell words before the program; none: see run_prefix()
    std::optional<std::string> program;  ///< that a task starts; none: that beside run_sweep
    std::optional<int> cpus;  ///< of a task, which runs as many threads; none: slurm_cpus()
    int lead_time = 120;  ///< seconds before the time limit at which a task stops to be requeued
    std::optional<std::string> partition;
    std::optional<std::string> account;
    std::optional<std::string> time;
    std::optional<std::string> memory;
    std::optional<std::string> gres;
    std::vector<std::string> options;  ///< further options of sbatch, "--qos=long"
    std::vector<std::string> setup;    ///< shell lines before the program, "module load hdf5"
    double estimate_factor = 2.0;      ///< what is asked for over what is estimated
    LastJob last;
    int retries = 0;           ///< how often points that were killed are submitted again
    int backoff = 60;          ///< seconds before the first of these, doubled each time
    bool shared_first = true;  ///< what points share is computed by a job that they wait for
};

/** Points that start from one config, share a folder and are launched together. */
struct PointSet {
    std::string name;              ///< of the job under Slurm, and of the table of results
    std::filesystem::path config;  ///< the experiment that all points start from
    std::filesystem::path folder;  ///< absolute; results, logs and what a launcher needs
    LocalSettings local;
    SlurmSettings slurm;
    /** A point that began by another build or on another type of CPU starts over, else it fails. */
    bool restart_elsewhere = false;
    std::vector<std::string> varied{};  ///< keys that points set, in the order they were named
    std::vector<Point> points{};

    /** Points that are not the same as an earlier one. */
    std::size_t runs() const;
};

/**
 * The last part of each dotted key, with as many parts before it as tell it from the others:
 * "bits", "calibration.images".
 */
std::vector<std::string> short_keys(const std::vector<std::string>& keys);

/** Fills in Point::label: every key that has two values or more, and of paths the file. */
void label_points(PointSet& set);

/**
 * Whether another seed may give another quantized network, other evaluation images or other images
 * to repair on. Where it can't, runs that differ in the seed have equal codes, predictions and
 * accuracies; only the errors of their layers are measured on other calibration images.
 */
bool depends_on_seed(const ExperimentConfig& config);

}  // namespace comq
