"""Joins the figures of bench_ratios and the peers into one flat JSON and the ratios of both."""
import argparse
import json
import pathlib

# What each ratio should reach.
BARS = {
    "gram_solver_speedup_over_explicit": ("at least", 1000),
    "gram_fraction_of_sgemm": ("at least", 0.7),
    "pipeline_over_floor": ("at most", 1.5),
    "solver_speedup_2_threads": ("at least", 1.8),
    "memory_growth_64_to_448_images": ("at most", 1.05),
    "seconds_of_an_image_late_over_early": ("at most", 1.1),
    "memory_growth_to_most_small_images": ("at most", 1.05),
    "sweep_of_100_over_its_points": ("at most", 1.1),
    "table_seconds": ("at most", 10),
    "forward_over_timm": ("at least", 1.0),
    "quantize_speedup_over_brevitas_gptq": ("at least", 10),
    "evaluation_over_openvino_deit_tiny_patch16_224": ("at least", 1.0),
    "evaluation_over_openvino_vit_base_patch16_224": ("at least", 1.0),
    "evaluation_over_openvino_resnet50": ("at least", 1.0),
    "evaluation_over_openvino_mobilenet_v2": ("at least", 1.0),
    "program_over_family_calibration_deit_tiny_patch16_224": ("at most", 1.05),
    "program_over_family_evaluation_deit_tiny_patch16_224": ("at most", 1.05),
    "program_over_family_calibration_squeezenet1_1": ("at most", 1.05),
    "program_over_family_evaluation_squeezenet1_1": ("at most", 1.05),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    figures = json.loads((arguments.folder / "ours.json").read_text())
    figures |= json.loads((arguments.folder / "growth.json").read_text())
    peers = arguments.folder / "peers.json"
    if peers.exists():
        figures |= json.loads(peers.read_text())
        figures["forward_over_timm"] = (
            figures["evaluation_images_per_second"] / figures["timm_images_per_second"]
        )
        ours = figures["quantize_seconds_64_images"] * figures["brevitas_images"] / 64
        for name in ("gptq", "gpfq"):
            figures[f"quantize_speedup_over_brevitas_{name}"] = (
                figures[f"brevitas_{name}_seconds"] / ours
            )
    forwards = arguments.folder / "forwards.json"
    if forwards.exists():
        figures |= json.loads(forwards.read_text())
        of_peer = "openvino_images_per_second_"
        for name in [key.removeprefix(of_peer) for key in figures if key.startswith(of_peer)]:
            figures[f"evaluation_over_openvino_{name}"] = (
                figures[f"evaluation_images_per_second_{name}"] / figures[of_peer + name]
            )
    print(f"\n{'ratio':<56}{'measured':>10}   should be")
    for name, (sense, bar) in BARS.items():
        if name in figures:
            print(f"{name:<56}{figures[name]:>10.3g}   {sense} {bar}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
