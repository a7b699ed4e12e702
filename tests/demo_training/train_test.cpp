#include "demo_training/train.hpp"

#include "data/demo_source.hpp"
#include "demo_training/initialize.hpp"
#include "networks/registry.hpp"
#include "support/catch.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

/** `count` copies of the first eight images. */
class FewImages : public ImageSource {
  public:
    explicit FewImages(int64_t count) : count_(count) {}
    int64_t size() const override { return count_; }
    int64_t classes() const override { return 10; }
    ImageInfo info(int64_t index) const override { return images_->info(index % 8); }
    RgbImage load(int64_t index) const override { return images_->load(index % 8); }

  private:
    int64_t count_;
    std::unique_ptr<ImageSource> images_ = make_demo_training_source(8);
};

std::shared_ptr<Network> trained(const std::string& name, const TrainingRecipe& recipe) {
    const ModelDescription& model = find_model(name);
    auto network = model.make();
    initialize_parameters(*network, 3);
    Progress::set_quiet(true);
    Progress progress("training", "images", recipe.images);
    train(*network, FewImages(recipe.images), model.preprocessing, recipe, progress);
    return network;
}

}  // namespace

TEST_CASE("training learns a few images by heart and repeats itself bit by bit") {
    const TrainingRecipe recipe{
        .images = 320, .batch_size = 8, .learning_rate = 2e-3, .weight_decay = 0.01};
    for (const char* name : {"demo_vit", "demo_cnn"}) {
        CAPTURE(name);
        set_torch_threads(1);
        const auto network = trained(name, recipe);
        CHECK_FALSE(network->is_training());

        const Preprocessing& preprocessing = find_model(name).preprocessing;
        torch::Tensor images = torch::empty({8, 3, 32, 32});
        for (int64_t i = 0; i < 8; ++i) {
            normalize(FewImages(8).load(i), preprocessing, images[i].data_ptr<float>());
        }
        {
            const torch::NoGradGuard no_gradient;
            CHECK(torch::equal(network->forward(images).argmax(1), torch::arange(8)));
        }

        set_torch_threads(2);
        const auto again = trained(name, recipe);
        const auto a = network->state_dict(), b = again->state_dict();
        for (std::size_t i = 0; i < a.size(); ++i) {
            CAPTURE(a[i].first);
            CHECK(torch::equal(a[i].second, b[i].second));
        }
    }
}
