#include "examples/pool_net.hpp"

#include "networks/layers.hpp"
#include "networks/network.hpp"

namespace comq {

namespace {

/** Two convolutions with pooling between them, and a classifier. */
class PoolNet : public Network {
  public:
    explicit PoolNet(int64_t classes) {
        // Registered names are those of the checkpoint.
        Conv2d stem(3, 8, Conv2dOptions{.kernel = 3, .stride = 2, .padding = 1});
        Conv2d body(8, 16, Conv2dOptions{.kernel = 3, .padding = 1});
        Linear head(16, classes);
        register_module("stem", stem);
        register_module("body", body);
        register_module("head", head);
        // A block runs from one tensor to the next; calibration can stop after any of them.
        add_block("stem", {stem.ptr()}, Scope::quantized, [stem](torch::Tensor x) mutable {
            return torch::max_pool2d(torch::relu(stem->forward(x)), 2);
        });
        add_block("body", {body.ptr()}, Scope::quantized, [body](torch::Tensor x) mutable {
            return torch::relu(body->forward(x)).mean({2, 3});
        });
        add_block("head", {head.ptr()}, Scope::kept,
                  [head](torch::Tensor x) mutable { return head->forward(x); });
    }
};

}  // namespace

const ModelFamily pool_net_family{
    .name = "pool_net",
    .members = {{.name = "pool_net",
                 .data_set = "cifar10",
                 .classes = 10,
                 .preprocessing = {.resize = 0, .crop = 32},
                 .checkpoint = "pool_net-1",
                 .source = "https://example.org/pool_net-1.safetensors",
                 .license = "MIT",
                 .expected_top1 = {},
                 .factory =
                     [](const NetworkSize& size) {
                         return std::make_shared<PoolNet>(size.classes);
                     }}},
    .marks = {{"body.weight", "a PoolNet"}},
    .key_maps = {{"somebody else's names",
                  "conv2.weight",
                  {{"conv1.*", "stem.$1"}, {"conv2.*", "body.$1"}, {"fc.*", "head.$1"}}}},
    .classifier = "head"};

}  // namespace comq
