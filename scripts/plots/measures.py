"""What the y axis can show of a run: `--metric`."""

import math

from plots.runs import fail


class Measure:
    """A name on the command line, its axis in words, and (value, standard error) of a run."""

    def __init__(self, axis, value, drop=None):
        self.axis, self.value, self.drop = axis, value, drop


def binomial_error(percent, images):
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / images)


def evaluated(run, network):
    if network not in run.accuracy:
        fail(f"{run.file}: the {network.replace('_', '-')} network was not evaluated")
    return run.accuracy[network]


def top(name):
    def value(run, network="quantized"):
        attributes = evaluated(run, network)
        percent = float(attributes[name])
        return percent, binomial_error(percent, float(attributes["images"]))

    return value


def agreement(run):
    if run.agreement is None:
        fail(f"{run.file}: holds no agreement; both networks have to be evaluated")
    return (float(run.agreement),
            binomial_error(float(run.agreement), float(evaluated(run, "quantized")["images"])))


def divergence(run):
    if not len(run.divergences):
        fail(f"{run.file}: holds no KL of predictions; files since schema 1.5 do")
    count = len(run.divergences)
    mean = sum(run.divergences) / count
    squares = sum((kl - mean) ** 2 for kl in run.divergences)
    return mean, math.sqrt(squares / max(count - 1, 1) / count)


def mean_error(column, power):
    def value(run):
        errors = [float(error) for error in run.layer_columns[column]]
        if not errors:
            fail(f"{run.file}: no layer was quantized")
        if any(map(math.isnan, errors)):
            fail(f"{run.file}: has no {column}; calibration.holdout=64 measures it")
        return sum(error ** power for error in errors) / len(errors), 0.0

    return value


MEASURES = {
    "top1": Measure("Top-1 accuracy (%)", top("top1"), "drop of Top-1 (points)"),
    "top5": Measure("Top-5 accuracy (%)", top("top5"), "drop of Top-5 (points)"),
    "agreement": Measure("agreement with full precision (%)", agreement),
    "kl": Measure("KL(full precision ‖ quantized) (nats)", divergence),
    "error": Measure("relative layer error", mean_error("relative_error", 1)),
    "squared_error": Measure("squared relative layer error", mean_error("relative_error", 2)),
    "heldout": Measure("relative layer error,\nheld-out images",
                       mean_error("heldout_relative_error", 1)),
    "squared_heldout": Measure("squared relative layer error,\nheld-out images",
                               mean_error("heldout_relative_error", 2)),
}


def measure_of(name, drop):
    """(axis in words, value of a run); with `drop`, how far it lies below full precision."""
    measure = MEASURES[name]
    if not drop:
        return measure.axis, measure.value
    if measure.drop is None:
        fail(f"--drop is of an accuracy: --metric top1 or top5, not {name}")

    def below_full_precision(run):
        quantized, error = measure.value(run)
        return measure.value(run, "full_precision")[0] - quantized, error

    return measure.drop, below_full_precision
