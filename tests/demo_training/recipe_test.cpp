#include "demo_training/train.hpp"

#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("the learning rate rises linearly, then falls along half a cosine") {
    const TrainingRecipe recipe{
        .images = 1005, .batch_size = 10, .learning_rate = 0.8, .warmup = 0.2};
    CHECK(recipe.steps() == 100);
    CHECK(recipe.learning_rate_at(0) == Approx(0.8 / 20));
    CHECK(recipe.learning_rate_at(9) == Approx(0.4));
    CHECK(recipe.learning_rate_at(19) == Approx(0.8));
    CHECK(recipe.learning_rate_at(20) == Approx(0.8));
    CHECK(recipe.learning_rate_at(60) == Approx(0.4));  // half of 80 falling steps
    CHECK(recipe.learning_rate_at(99) < 0.001);
    CHECK(recipe.learning_rate_at(99) > 0.0);
}

TEST_CASE("only networks of the demo set have a recipe") {
    for (const char* name : {"demo_vit", "demo_cnn"}) {
        CHECK(recipe_of(find_model(name)).steps() > 0);
    }
    CHECK_THROWS_WITH(recipe_of(find_model("deit_tiny_patch16_224")),
                      ContainsSubstring("deit_tiny_patch16_224") && ContainsSubstring("demo_vit"));
}
