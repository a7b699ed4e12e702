#!/usr/bin/env python3
"""Opens what export_runs.py wrote with the reader of each format.

    check_tracking.py FORMAT PLACE EXPECTED [ARTEFACT…]

EXPECTED is the run as `inspect_results --json` has it; artefacts are names of files, and no others
are there.
"""
import csv
import json
import os
import pathlib
import sys


def close(found, expected):
    assert abs(found - expected) <= 1e-5 * max(abs(expected), 1e-6), f"{found} is not {expected}"


def check_report(page, run):
    """A page of make_report, which is about this run."""
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and run["identity"] in text, page


def check_picture(content):
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xaeB`\x82")


def check_tensorboard(place, run, artefacts):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    events = EventAccumulator(str(place), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    close(events.Scalars("top1")[0].value, run["top1"])
    close(events.Scalars("kl")[0].value, run["kl"])
    errors = events.Scalars("layers/relative_error")
    assert [event.step for event in errors] == list(range(len(run["layers"])))
    for event, layer in zip(errors, run["layers"]):
        close(event.value, layer["relative_error"])
    config = events.Tensors("config/text_summary" if "config/text_summary" in tags["tensors"]
                            else "config")[0].tensor_proto.string_val[0].decode()
    assert f"| quantization.bits | {run['config']['quantization']['bits']} |" in config
    data = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(data).session_start_info
    assert start.hparams["quantization.bits"].number_value == run["config"]["quantization"]["bits"]
    assert "_hparams_/session_end_info" in events.summary_metadata
    pictures = {pathlib.Path(name).stem: f"figures/{pathlib.Path(name).stem}"
                for name in artefacts if name.endswith(".png")}
    assert tags["images"] == list(pictures.values()), tags["images"]
    for tag in pictures.values():
        picture = events.Images(tag)[0]
        check_picture(picture.encoded_image_string)
        assert picture.width > picture.height > 0
    pages = [file for file in place.iterdir() if file.suffix == ".html"]
    assert [file.name for file in pages] == [name for name in artefacts if name.endswith(".html")]
    for page in pages:
        check_report(page, run)


def check_mlflow(place, run, artefacts):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{place / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("fixture")
    found = client.search_runs([experiment.experiment_id])
    assert len(found) == 1 and found[0].info.status == "FINISHED", found
    data = found[0].data
    close(data.metrics["top1"], run["top1"])
    close(data.metrics["top1_standard_error"], run["top1_standard_error"])
    assert data.params["quantization.bits"] == str(run["config"]["quantization"]["bits"])
    assert data.tags["comq.identity"] == run["identity"]
    history = client.get_metric_history(found[0].info.run_id, "layers/relative_error")
    assert [point.step for point in history] == list(range(len(run["layers"])))
    for point, layer in zip(history, run["layers"]):
        close(point.value, layer["relative_error"])
    folder = pathlib.Path(found[0].info.artifact_uri.removeprefix("file://"))
    for name in artefacts:
        if name.endswith(".html"):
            check_report(folder / name, run)
        else:
            check_picture((folder / "figures" / name).read_bytes())
    kept = [item.path for item in client.list_artifacts(found[0].info.run_id)]
    expected = ["figures" if name.endswith(".png") else name for name in artefacts]
    assert kept == sorted([*expected, "run.json"]), kept


def check_csv(place, run, _):
    rows = list(csv.DictReader((place / "runs.csv").open(encoding="utf-8")))
    assert len(rows) == 1
    close(float(rows[0]["top1"]), run["top1"])
    assert rows[0]["quantization.bits"] == str(run["config"]["quantization"]["bits"])
    layers = list(csv.DictReader((place / "layers.csv").open(encoding="utf-8")))
    assert [row["name"] for row in layers] == [row["name"] for row in run["layers"]]
    assert [row["heldout_relative_error"] == "" for row in layers] == [
        row["heldout_relative_error"] is None for row in run["layers"]]


def check_jsonl(place, run, _):
    lines = place.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    content = json.loads(lines[0])
    assert {key: content[key] for key in run} == run


def main():
    name, place, expected = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    checks = {"tensorboard": check_tensorboard, "mlflow": check_mlflow, "csv": check_csv,
              "jsonl": check_jsonl}
    checks[name](place, json.loads(expected.read_text(encoding="utf-8")), sys.argv[4:])


if __name__ == "__main__":
    main()
