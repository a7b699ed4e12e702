#!/usr/bin/env python3
"""Writes archives that comq has to refuse, in the folder that is named, a reason each."""
import json
import pathlib
import sys
import zipfile

import torch
from torch import nn


class Network(nn.Module):
    """[batch, channels, 8, 8] to logits [batch, 10]."""

    def __init__(self, channels=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 10)

    def features(self, x):
        return self.norm(self.conv(x)).relu()

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class TwoInputs(Network):
    def forward(self, x, scale):
        return super().forward(x) * scale


class TwoOutputs(Network):
    def forward(self, x):
        y = self.features(x)
        return self.fc(y.mean((2, 3))), y


class Features(Network):
    def forward(self, x):
        return self.features(x)


class Dropout(Network):
    def forward(self, x):
        return nn.functional.dropout(super().forward(x), 0.1)


class Mutation(Network):
    def __init__(self):
        super().__init__()
        self.register_buffer("runs", torch.zeros(1))

    def forward(self, x):
        self.runs.add_(1)
        return super().forward(x)


class Noise(Network):
    def forward(self, x):
        return super().forward(x + torch.randn_like(x))


class OnePatch(Network):
    """For images of 8 × 8 alone."""

    def forward(self, x):
        return self.fc(self.features(x).reshape(-1, 4, 36).mean(2)) + x.reshape(-1, 192)[:, :10]


@torch.library.custom_op("comq_tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x):
    return torch.empty_like(x)


class OwnOperator(Network):
    def forward(self, x):
        return super().forward(twice(x))


class ControlFlow(Network):
    def forward(self, x):
        x = torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))
        return super().forward(x)


def export(network, file, images=None, dynamic=True, more=()):
    images = torch.randn(2, 3, 8, 8) if images is None else images
    batch = {0: torch.export.Dim("batch")}
    shapes = (batch, *({} for _ in more)) if dynamic else None
    torch.export.save(torch.export.export(network, (images, *more), dynamic_shapes=shapes), file)


def with_schema(source, target, major):
    """The same archive, said to be of another version of the schema."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith("models/model.json"):
                program = json.loads(data)
                program["schema_version"]["major"] = major
                data = json.dumps(program).encode()
            new.writestr(entry, data)


def main():
    folder = pathlib.Path(sys.argv[1])
    with torch.no_grad():
        export(TwoInputs().eval(), folder / "two_inputs.pt2", more=(torch.ones(1),))
        export(TwoOutputs().eval(), folder / "two_outputs.pt2")
        export(Features().eval(), folder / "features.pt2")
        export(Network().eval(), folder / "fixed_batch.pt2", dynamic=False)
        export(Network().train(), folder / "training.pt2")
        export(Dropout().eval(), folder / "dropout.pt2")
        export(Mutation().eval(), folder / "mutation.pt2")
        export(Noise().eval(), folder / "noise.pt2")
        export(Network().eval().double(), folder / "double.pt2", torch.randn(2, 3, 8, 8).double())
        export(Network(1).eval(), folder / "grey.pt2", torch.randn(2, 1, 8, 8))
        export(OwnOperator().eval(), folder / "own_operator.pt2")
        export(ControlFlow().eval(), folder / "control_flow.pt2")
    whole = folder / "whole.archive"
    export(Network().eval(), whole)
    with_schema(whole, folder / "older_schema.pt2", 7)
    with_schema(whole, folder / "newer_schema.pt2", 9)
    torch.save(Network().state_dict(), folder / "weights.pt2")


if __name__ == "__main__":
    main()
