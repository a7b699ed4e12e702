#include "export/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "core/interrupt.hpp"
#include "core/progress.hpp"
#include "export/python_job.hpp"
#include "passes/image_pass.hpp"
#include "storage/safetensors.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

constexpr int64_t images_at_a_time_bytes = 192 << 20;

struct EvaluationImages {
    std::unique_ptr<ImageSource> source;
    std::vector<int64_t> indices;
    std::vector<int64_t> full_precision;  ///< what the run's full-precision network predicted
};

/** The images of the run's main evaluation, which its file names one by one. */
EvaluationImages images_of(const ExportedRun& run, std::optional<int64_t> count) {
    EvaluationImages images{open_image_source(run.config.data, Split::evaluation), {}, {}};
    images.indices = select_evaluation_images(images.source->size(), run.config.evaluation.images);
    const auto& evaluated = run.record.full_precision;
    if (!evaluated) throw InputError("{}: holds no evaluation to compare with", run.file);
    std::map<std::string, int64_t> predictions;
    for (std::size_t i = 0; i < evaluated->image.size(); ++i) {
        predictions[evaluated->image[i]] = evaluated->prediction[i];
    }
    std::vector<int64_t> known;
    for (const int64_t index : images.indices) {
        const auto found = predictions.find(images.source->info(index).id);
        if (found == predictions.end()) continue;  // could not be read then
        known.push_back(index);
        images.full_precision.push_back(found->second);
        if (count && std::ssize(known) == *count) break;
    }
    if (known.empty()) {
        throw InputError("{}: none of its evaluation images is among those of data.evaluation",
                         run.file);
    }
    images.indices = std::move(known);
    return images;
}

struct Batch {
    torch::Tensor pixels;
    torch::Tensor logits;
    std::vector<int64_t> indices;
};

/** comq's own logits, with the pixels they are of, in the order of the batches. */
std::vector<Batch> comq_batches(ExportedRun& run, const ImagePass& pass, Progress& progress) {
    std::vector<Batch> batches(static_cast<std::size_t>(pass.batches()));
    pass.run(progress, "verifying", [&](const torch::Tensor& pixels, const ImageBatch& batch) {
        const torch::InferenceMode inference;
        const auto logits = run.network().forward(pixels, run.tap());
        batches[static_cast<std::size_t>(batch.batch)] = {pixels.clone(), logits.contiguous(),
                                                          batch.indices};
    });
    return batches;
}

std::string batch_name(std::size_t number) { return fmt::format("{:06}", number); }

/** What a network predicts of the classes that are valid for the images; empty: all. */
torch::Tensor predictions(const torch::Tensor& logits, const std::vector<int64_t>& valid) {
    if (valid.empty()) return logits.argmax(1);
    const auto classes = torch::tensor(valid);
    return classes.index_select(0, logits.index_select(1, classes).argmax(1));
}

/** Sums over images; percentages once all are counted. */
class Comparison {
  public:
    explicit Comparison(const EvaluationImages& images)
        : source_(*images.source), valid_(images.source->valid_classes()) {
        for (std::size_t i = 0; i < images.indices.size(); ++i) {
            full_precision_[images.indices[i]] = images.full_precision[i];
        }
    }

    void add(const Batch& batch, const torch::Tensor& exported) {
        const auto ours = predictions(batch.logits, valid_);
        const auto theirs = predictions(exported, valid_);
        for (std::size_t i = 0; i < batch.indices.size(); ++i) {
            const auto row = static_cast<int64_t>(i);
            const auto own = ours[row].item<int64_t>();
            const auto other = theirs[row].item<int64_t>();
            const auto labels = source_.labels(batch.indices[i]);
            const auto right = [&](int64_t prediction) {
                return std::ranges::find(labels, prediction) != labels.end() ? 1 : 0;
            };
            const int64_t expected = full_precision_.at(batch.indices[i]);
            ++sums_.images;
            sums_.top1 += right(own);
            sums_.runtime_top1 += right(other);
            sums_.agreement += own == expected ? 1 : 0;
            sums_.runtime_agreement += other == expected ? 1 : 0;
            sums_.different += own != other ? 1 : 0;
        }
        const auto largest = [](const torch::Tensor& values) {
            return values.abs().max().item<double>();
        };
        const double off = largest(exported - batch.logits);
        // A NaN would be less than everything.
        if (std::isnan(off)) throw InputError("the exported network computes NaN");
        sums_.largest_difference = std::max(sums_.largest_difference, off);
        sums_.largest_logit = std::max(sums_.largest_logit, largest(batch.logits));
    }

    Verification result() const {
        Verification result = sums_;
        for (double* share :
             {&result.top1, &result.runtime_top1, &result.agreement, &result.runtime_agreement}) {
            *share *= 100.0 / static_cast<double>(result.images);
        }
        return result;
    }

  private:
    const ImageSource& source_;
    std::vector<int64_t> valid_;
    std::map<int64_t, int64_t> full_precision_;
    Verification sums_;
};

}  // namespace

std::string Verification::text() const {
    return fmt::format(
        "{} images      {:>9}  {:>9}\n"
        "Top-1            {:8.2f}%  {:8.2f}%\n"
        "agreement        {:8.2f}%  {:8.2f}%   with the full-precision predictions\n"
        "{} predictions differ; largest difference of logits {:.1e}, largest logit {:.1f} ({})\n",
        images, "comq", "exported", top1, runtime_top1, agreement, runtime_agreement, different,
        largest_difference, largest_logit, runtime);
}

nlohmann::ordered_json Verification::json() const {
    return {{"images", images},
            {"top1", top1},
            {"runtime_top1", runtime_top1},
            {"agreement", agreement},
            {"runtime_agreement", runtime_agreement},
            {"different_predictions", different},
            {"largest_logit_difference", largest_difference},
            {"largest_logit", largest_logit},
            {"runtime", runtime}};
}

void Verification::check(const std::filesystem::path& file) const {
    if (std::abs(top1 - runtime_top1) <= largest_top1_difference) return;
    throw Failure("{}: its Top-1 is {:.2f}% by {}, but comq's is {:.2f}% on the same {} images",
                  file.string(), runtime_top1, runtime, top1, images);
}

Verification verify_onnx(ExportedRun& run, const std::filesystem::path& file,
                         std::optional<int64_t> count) {
    const EvaluationImages images = images_of(run, count);
    const ModelDescription& model = *run.model.description;
    BadImages bad(0);
    const ImagePass all{{images.source.get(), images.indices, model.preprocessing,
                         run.config.evaluation.batch_size},
                        torch::kCPU,
                        bad,
                        interrupt_requested()};
    const int64_t size = model.preprocessing.crop;
    const int64_t batch = run.config.evaluation.batch_size;
    const int64_t image_bytes = 3 * size * size * static_cast<int64_t>(sizeof(float));
    const int64_t part = std::max(images_at_a_time_bytes / image_bytes / batch, int64_t{1}) * batch;

    Comparison comparison(images);
    std::string runtime;
    Progress progress("verification", "images", all.count());
    for (int64_t first = 0; first < all.count(); first += part) {
        const auto begin = images.indices.begin() + first;
        const auto end = begin + std::min(part, all.count() - first);
        const auto batches = comq_batches(run, all.over({begin, end}), progress);
        const PythonJob folder(file);
        TensorMap pixels;
        for (std::size_t i = 0; i < batches.size(); ++i) {
            pixels[batch_name(i)] = to_host(batches[i].pixels);
        }
        folder.give("images", pixels);
        const auto answer = folder.run(
            {{"task", "run"}, {"program", ""}, {"file", std::filesystem::absolute(file).string()}});
        const auto logits = read_safetensors(folder.file("logits.safetensors")).tensors;
        for (std::size_t i = 0; i < batches.size(); ++i) {
            comparison.add(batches[i], to_torch(logits.at(batch_name(i))));
        }
        runtime = fmt::format("ONNX Runtime {}",
                              answer.at("versions").at("onnxruntime").get<std::string>());
    }
    Verification result = comparison.result();
    result.runtime = runtime;
    return result;
}

}  // namespace comq
