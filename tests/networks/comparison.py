"""Programs of modules and what they are compared with: weights that leave nothing out, a batch with
its logits, and the layers that ran."""
import json

import torch
from torch import nn

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


# Bits are those of one thread, and of one way through PyTorch's own transformer layers.
torch.set_num_threads(1)
torch.set_flush_denormal(False)
torch.backends.mha.set_fastpath_enabled(False)


def fill(network, size):
    """
    Everything that begins as a constant (norms, biases, layer scales, heads of zeros) gets noise,
    and BatchNorm the statistics of random images; the network is in evaluation mode afterwards.
    """
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() < 2 or parameter.min() == parameter.max():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        network.eval()
        norms = [module for module in network.modules()
                 if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))]
        for norm in norms:
            # Half of what it was stays: no variance comes near 0.
            norm.momentum = 0.5
            norm.train()
        if norms:
            network(torch.randn(4, 3, size, size))
        network.eval()


def save_program(network, stem, preprocessing):
    """STEM.pt2 for batches of any size, with the notes of scripts/export_network.py."""
    size = preprocessing["crop"]
    with torch.no_grad():
        program = torch.export.export(network, (torch.randn(2, 3, size, size),),
                                      dynamic_shapes=({0: torch.export.Dim("batch")},))
    notes = {"preprocessing": preprocessing, "checkpoint": "small", "license": "MIT"}
    torch.export.save(program, stem.with_suffix(".pt2"),
                      extra_files={"comq.json": json.dumps(notes)})


def save_batch(network, images, stem):
    """STEM.images and STEM.logits, raw float32, and STEM.layers, the names of nn.Linear and
    convolutions whose forward was called, a line each. Returns these names."""
    called = set()
    hooks = [module.register_forward_hook(lambda *_, name=name: called.add(name))
             for name, module in network.named_modules() if isinstance(module, LAYERS)]
    with torch.inference_mode():
        logits = network(images)
    for hook in hooks:
        hook.remove()
    for ending, tensor in ((".images", images), (".logits", logits)):
        stem.with_suffix(ending).write_bytes(bytes(tensor.contiguous().untyped_storage()))
    stem.with_suffix(".layers").write_text("".join(f"{name}\n" for name in sorted(called)))
    return called
