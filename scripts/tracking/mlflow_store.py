"""Runs as an experiment in a database of MLflow's, with a folder of artefacts beside it."""

import json
import logging
import os

from tracking.environment import fail

# Nothing leaves the machine, and nothing is asked of another.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
logging.getLogger("alembic").setLevel(logging.WARNING)

from mlflow.entities import Metric, Param, RunTag  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

from tracking.runs import seconds_of  # noqa: E402

# Of a batch, as MLflow's servers take them.
MOST_METRICS, MOST_PARAMETERS, LONGEST_PARAMETER = 1000, 100, 6000


def batches(items, size):
    return [items[start:start + size] for start in range(0, len(items), size)]


def log_run(client, experiment, run, files):
    start, end = (int(1000 * seconds_of(utc)) for utc in (run.started, run.finished))
    tags = {"mlflow.source.name": "comq", "mlflow.source.type": "LOCAL",
            "comq.identity": run.content["identity"], "comq.file": str(run.file),
            **{f"comq.{name}": str(value) for name, value in run.provenance.items()}}
    logged = client.create_run(experiment, start_time=start, run_name=run.name)
    identifier = logged.info.run_id
    client.log_batch(identifier, tags=[RunTag(key, value[:5000]) for key, value in tags.items()])
    parameters = [Param(key, as_text(value)) for key, value in run.config.items()]
    for batch in batches(parameters, MOST_PARAMETERS):
        client.log_batch(identifier, params=batch)
    # Names take no "@": the Top-1 of a set is top1/SET.
    metrics = [Metric(name.replace("@", "/"), value, end, 0) for name, value in run.figures.items()]
    metrics += [Metric(name, value, end, place)
                for name, points in run.series().items() for place, value in points]
    for batch in batches(metrics, MOST_METRICS):
        client.log_batch(identifier, metrics=batch)
    client.log_dict(identifier, run.content, "run.json")
    for file in files:
        client.log_artifact(identifier, str(file), "figures" if file.suffix == ".png" else None)
    client.set_terminated(identifier, "FINISHED", end)


def as_text(value):
    return (value if isinstance(value, str) else json.dumps(value))[:LONGEST_PARAMETER]


def write(runs, place, files, experiment):
    place.mkdir(parents=True, exist_ok=True)
    database = (place / "mlflow.db").resolve()
    client = MlflowClient(f"sqlite:///{database}")
    if client.get_experiment_by_name(experiment):
        fail(f"{place}: holds the experiment {experiment} already; name another with --experiment")
    made = client.create_experiment(experiment, (place / "artifacts").resolve().as_uri())
    for run in runs:
        log_run(client, made, run, files[run.name])
        print(run.name)
    print(f"{len(runs)} runs in the experiment {experiment}: "
          f"mlflow ui --backend-store-uri sqlite:///{database}")
