"""Features before the last ReLU, as DeepCluster clusters them.

Caron et al., "Deep Clustering for Unsupervised Learning of Visual Features", ECCV 2018, https://arxiv.org/abs/1807.05520;
there the features of AlexNet are those of its last hidden layer without its ReLU.
"""

from typing import Any

from torch import Tensor, nn

from avssl.nets.encoders import Encoder


def encode_unrectified(encoder: Encoder, clips: Tensor, layer: str | None = None) -> Tensor:
    """Return features ``(N, dim)`` of clips, taken before a ReLU where that is the last thing done.

    A ReLU is found where it is an ``nn.ReLU`` and its output leaves the encoder, or the layer, as it is; behind a
    pooling (as in a ResNet) there is none to cut. Maps are averaged over their cells, pictures over the frames.

    Args:
        encoder: of pictures or of clips.
        clips: ``(N, frames, 3, H, W)``; one frame of pictures.
        layer: one out of ``encoder.layers``; None for what the encoder returns.

    Raises:
        ValueError: if the layer is not the encoder's, or gives neither maps nor vectors.

    Examples:
        >>> import torch
        >>> from avssl.nets import SmallNet
        >>> net, clips = SmallNet(dim=16), torch.rand(4, 1, 3, 32, 32)
        >>> rows = encode_unrectified(net, clips)
        >>> bool((rows < 0).any()), rows.relu().equal(net(clips[:, 0]))
        (True, True)
    """
    pictures = clips if encoder.takes == "clips" else clips.flatten(0, 1)
    target = encoder.trunk if layer is None else encoder.trunk.get_submodule(encoder.place(layer))
    last: dict[str, Any] = {"input": None, "output": None}
    found: list[Tensor] = []

    def before(module: nn.Module, inputs: tuple) -> None:
        last["input"] = inputs[0].clone() if getattr(module, "inplace", False) else inputs[0]

    def behind(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
        last["output"] = output

    def reached(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
        found.append(last["input"] if output is last["output"] else output)

    handles = []
    for module in target.modules():
        if isinstance(module, nn.ReLU):
            handles += [module.register_forward_pre_hook(before), module.register_forward_hook(behind)]
    handles.append(target.register_forward_hook(reached))
    try:
        encoder.forward(pictures)  # not as compiled, where hooks that come later are not called
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise ValueError(f"layer {layer!r} of {type(encoder).__name__} takes no part in its forward pass")
    values = found[-1] if layer is None else encoder.tapped(layer, found[-1], pictures)
    values = values.flatten(2).mean(2) if values.ndim > 2 else values
    return values if encoder.takes == "clips" else values.unflatten(0, clips.shape[:2]).mean(1)
