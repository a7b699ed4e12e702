#!/usr/bin/env python3
"""Opens what export_runs.py wrote with the reader of each format.

    check_tracking.py FORMAT PLACE EXPECTED     EXPECTED: the run as `inspect_results --json` has it
"""
import csv
import json
import os
import pathlib
import sys


def close(found, expected):
    assert abs(found - expected) <= 1e-5 * max(abs(expected), 1e-6), f"{found} is not {expected}"


def check_tensorboard(place, run):
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


def check_mlflow(place, run):
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
    artefacts = [item.path for item in client.list_artifacts(found[0].info.run_id)]
    assert artefacts == ["run.json"], artefacts


def check_csv(place, run):
    rows = list(csv.DictReader((place / "runs.csv").open(encoding="utf-8")))
    assert len(rows) == 1
    close(float(rows[0]["top1"]), run["top1"])
    assert rows[0]["quantization.bits"] == str(run["config"]["quantization"]["bits"])
    layers = list(csv.DictReader((place / "layers.csv").open(encoding="utf-8")))
    assert [row["name"] for row in layers] == [row["name"] for row in run["layers"]]
    assert [row["heldout_relative_error"] == "" for row in layers] == [
        row["heldout_relative_error"] is None for row in run["layers"]]


def check_jsonl(place, run):
    lines = place.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    content = json.loads(lines[0])
    assert {key: content[key] for key in run} == run


def main():
    name, place, expected = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    checks = {"tensorboard": check_tensorboard, "mlflow": check_mlflow, "csv": check_csv,
              "jsonl": check_jsonl}
    checks[name](place, json.loads(expected.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
