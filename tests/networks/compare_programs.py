#!/usr/bin/env python3
"""Exports architectures of timm and torchvision with random weights, and compares their logits as
comq's programs give them with PyTorch's: a row of Markdown each.

    ninja -C build/release program_logits
    python tests/networks/compare_programs.py build/release/tests/networks/program_logits [NAME...]

Needs the PyTorch that comq is built with, timm and torchvision. One thread; batches of 3, exported
at 2. Without names, all of ARCHITECTURES.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch

ARCHITECTURES = """
timm:resnet18 timm:resnet50d timm:resnext50_32x4d timm:seresnet50 timm:wide_resnet50_2 timm:resnetv2_50
timm:vgg11_bn timm:densenet121 timm:mobilenetv2_100 timm:mobilenetv3_large_100
timm:mobilenetv4_conv_small timm:efficientnet_b0 timm:tf_efficientnet_b0 timm:efficientnetv2_rw_t
timm:tf_efficientnetv2_b0 timm:efficientnet_lite0 timm:mnasnet_100 timm:fbnetv3_b timm:regnetx_002
timm:regnety_002 timm:ghostnet_100 timm:repvgg_a0 timm:rexnet_100 timm:cspresnet50 timm:cspdarknet53
timm:dla34 timm:hrnet_w18_small timm:res2net50_26w_4s timm:skresnet18 timm:selecsls42b timm:dpn68
timm:inception_v3 timm:xception41 timm:convnext_atto timm:convnext_tiny timm:convnextv2_atto
timm:convmixer_768_32 timm:poolformer_s12 timm:vit_tiny_patch16_224 timm:deit_tiny_patch16_224
timm:deit_tiny_distilled_patch16_224 timm:deit3_small_patch16_224 timm:vit_small_patch14_reg4_dinov2
timm:vit_small_patch14_dinov2 timm:vit_base_patch32_clip_224 timm:vit_small_patch16_384
timm:vit_tiny_r_s16_p8_224 timm:vit_small_r26_s32_224 timm:eva02_tiny_patch14_224 timm:beit_base_patch16_224
timm:cait_xxs24_224 timm:swin_tiny_patch4_window7_224 timm:swinv2_tiny_window8_256 timm:mixer_s16_224
timm:resmlp_12_224 timm:gmlp_s16_224 timm:pvt_v2_b0 timm:mobilevit_xxs timm:mobilevitv2_050
timm:maxvit_pico_rw_256 timm:efficientformerv2_s0 timm:efficientformer_l1 timm:fastvit_t8
timm:edgenext_xx_small timm:tiny_vit_5m_224 timm:levit_128s timm:coat_tiny timm:crossvit_tiny_240
timm:xcit_nano_12_p16_224 timm:volo_d1_224 timm:twins_pcpvt_small timm:nest_tiny timm:hiera_tiny_224
torchvision:resnet18 torchvision:squeezenet1_1 torchvision:vit_b_16 torchvision:swin_t
torchvision:shufflenet_v2_x0_5 torchvision:googlenet torchvision:mnasnet0_5 torchvision:alexnet
torchvision:vgg11_bn torchvision:densenet121 torchvision:mobilenet_v3_small torchvision:regnet_y_400mf
""".split()


def made(name):
    library, _, architecture = name.partition(":")
    if library == "timm":
        import timm
        network = timm.create_model(architecture)
        size = timm.data.resolve_model_data_config(network)["input_size"][-1]
        return network, size
    import torchvision
    # GoogLeNet's auxiliary heads return a tuple in training only.
    return torchvision.models.get_model(architecture), 224


def compared(program, name, folder):
    torch.manual_seed(0)
    network, size = made(name)
    network.eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        exported = torch.export.export(network, (torch.randn(2, 3, size, size),), strict=False,
                                       dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(exported, folder / "net.pt2")
    images = torch.randn(3, 3, size, size)
    with torch.inference_mode():
        logits = network(images)
    for ending, tensor in (("images", images), ("logits", logits)):
        (folder / ending).write_bytes(bytes(tensor.contiguous().untyped_storage()))
    answer = subprocess.run(
        [program, *(str(folder / file) for file in ("net.pt2", "images", "logits"))],
        capture_output=True, text=True, check=False)
    return json.loads(answer.stdout) if answer.stdout else {"error": answer.stderr[-300:]}


def main():
    torch.set_num_threads(1)
    print("| network | largest difference | blocks | layers | kept by default | can't be quantized |")
    print("|---|---|---|---|---|---|")
    failed = 0
    for name in sys.argv[2:] or ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = compared(sys.argv[1], name, pathlib.Path(folder))
            except Exception as error:  # pylint: disable=broad-except
                found = {"error": f"not exported: {str(error).splitlines()[0][:120]}"}
        if "error" in found:
            failed += 1
            print(f"| {name} | {found['error']} | | | | |", flush=True)
            continue
        # JSON has no NaN.
        if found["difference"] is None:
            found["difference"] = float("nan")
        failed += found["difference"] != 0
        difference = "0" if found["difference"] == 0 else f"{found['difference']:.0e}"
        print(f"| {name} | {difference} | {found['blocks']} | {found['layers']} | "
              f"{', '.join(found['kept'])} | {'; '.join(found['unquantizable'])} |", flush=True)
    sys.exit(failed > 0)


main()
