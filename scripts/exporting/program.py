"""A module as a program: traced, saved, read again and compared."""

import torch

from .environment import fail


# A module is traced as its parts: PyTorch's fused transformer layers would hide their weights.
torch.backends.mha.set_fastpath_enabled(False)


def first_line(error):
    return (str(error).strip() or repr(error)).splitlines()[0]


def exported(network, size):
    """The program of a module in evaluation mode for batches of any size, and its classes."""
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        try:
            logits = network(images)
        except (AssertionError, RuntimeError, ValueError) as error:
            fail(f"the module does not take images [batch, 3, {size}, {size}]: {first_line(error)}")
        if not isinstance(logits, torch.Tensor) or logits.dim() != 2:
            fail("the module returns no logits [batch, classes]; wrap it in one that does")
        program = torch.export.export(network, (images,), strict=False, dynamic_shapes=(
            {0: torch.export.Dim("batch")},))
    return program, logits.shape[1]


def largest_difference(network, file, size):
    """Of logits, between the module and what was written, in units of the largest; of another
    batch than the export's."""
    images = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = network(images)
        again = torch.export.load(file).module()(images)
    if torch.equal(again, logits):
        return 0.0
    return ((again - logits).abs().max() / logits.abs().max()).item()
