"""Runs as event files, a folder each, by TensorBoard's own writer: no TensorFlow, no PyTorch."""

import html
import json
import struct

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tracking.environment import fail
from tracking.runs import seconds_of


def scalar(tag, value):
    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def text(tag, markdown):
    tensor = TensorProto(dtype="DT_STRING", string_val=[markdown.encode()])
    tensor.tensor_shape.dim.add(size=1)
    metadata = text_metadata.create_summary_metadata(display_name=tag, description="")
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])


def image(tag, file):
    """A PNG as it is; its sides stand at a fixed place of the format."""
    content = file.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    return Summary(value=[Summary.Value(tag=tag, image=Summary.Image(
        height=height, width=width, colorspace=4, encoded_image_string=content))])


def finished(seconds):
    """That the run has ended well; TensorBoard makes this summary by TensorFlow only."""
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=seconds)
    metadata = hparams_metadata.create_summary_metadata(
        plugin_data_pb2.HParamsPluginData(session_end_info=end))
    return Summary(value=[Summary.Value(tag=hparams_metadata.SESSION_END_INFO_TAG,
                                        metadata=metadata, tensor=hparams_metadata.NULL_TENSOR)])


def table(values):
    rows = [f"| {html.escape(str(key))} | {html.escape(str(value)).replace('|', '&#124;')} |"
            for key, value in values.items()]
    return "\n".join(["| key | value |", "|---|---|", *rows])


def parameter(value):
    """What hyperparameters may be: numbers, switches, texts."""
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)


def differing(runs):
    """
    Keys whose values are not the same in all runs, or all of a single one; each has a result file
    of its own, whatever else it does.
    """
    keys = sorted({key for run in runs for key in run.config} - {"output.file"})
    if len(runs) == 1:
        return keys
    return [key for key in keys if len({json.dumps(run.config.get(key)) for run in runs}) > 1]


def write_columns(runs, folder, keys):
    """What the table of hyperparameters shows: figures of runs, not what their last layer has."""
    figures = dict.fromkeys(name for run in runs for name in run.figures)

    def column(key):
        values = {parameter(run.config[key]) for run in runs if run.config.get(key) is not None}
        alike = len({type(value) for value in values}) == 1
        return hparams.HParam(key, hparams.Discrete(sorted(values)) if alike else None)

    writer = EventFileWriter(str(folder))
    summary = hparams.hparams_config_pb([column(key) for key in keys],
                                        [hparams.Metric(name) for name in figures])
    writer.add_event(Event(wall_time=seconds_of(runs[0].started), summary=summary))
    writer.close()


def write_run(run, folder, keys, files):
    writer = EventFileWriter(str(folder))
    start, end = seconds_of(run.started), seconds_of(run.finished)

    def add(summary, step=0, time=end):
        writer.add_event(Event(wall_time=time, step=step, summary=summary))

    parameters = {key: parameter(run.config[key]) for key in keys if run.config.get(key) is not None}
    add(hparams.hparams_pb(parameters, trial_id=run.name, start_time_secs=start), time=start)
    for name, value in run.figures.items():
        add(scalar(name, value))
    for name, points in run.series().items():
        for place, value in points:
            add(scalar(name, value), step=place)
    add(text("config", table(run.config)))
    add(text("provenance", table(run.provenance)))
    add(text("layers", table({place: row["name"] for place, row in enumerate(run.table("layers"))})))
    for file in files:
        if file.suffix == ".png":
            add(image(f"figures/{file.stem}", file))
        else:
            (folder / file.name).write_bytes(file.read_bytes())
    add(finished(end))
    writer.close()


def write(runs, place, files):
    if place.exists() and any(place.rglob("events.out.tfevents.*")):
        fail(f"{place}: holds event files already; TensorBoard would show both. Name another folder")
    keys = differing(runs)
    place.mkdir(parents=True, exist_ok=True)
    write_columns(runs, place, keys)
    for run in runs:
        folder = place / run.name
        folder.mkdir(parents=True, exist_ok=True)
        write_run(run, folder, keys, files[run.name])
        print(folder)
    note = "config keys that differ" if len(runs) > 1 else "config keys"
    print(f"{len(runs)} runs with {len(keys)} {note} as hyperparameters: tensorboard --logdir {place}")
