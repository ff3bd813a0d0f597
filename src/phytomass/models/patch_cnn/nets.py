"""Networks as torch modules, built from an `Architecture`."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from phytomass.models.patch_cnn.architecture import Architecture


class Dropout(nn.Module):
    """Dropout with a random stream of its own, so that members can train in parallel threads."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share of the values while training and scale up the others."""
        if not self.training or self.share == 0:
            return x
        kept = torch.rand(x.shape, generator=self.generator, device=x.device) >= self.share
        return x * kept / (1 - self.share)


class Residual(nn.Module):
    """Two convolutions and a shortcut, cropped to the centre where they are unpadded."""

    def __init__(self, inputs: int, outputs: int, kernels: tuple[int, int], padded: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(inputs, outputs, kernels[0], padded),
            nn.ReLU(),
            *_convolution(outputs, outputs, kernels[1], padded),
        )
        same = inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, bias=False)
        self.crop = 0 if padded else (kernels[0] + kernels[1] - 2) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Add the cropped input to what the convolutions make of it."""
        c = self.crop
        kept = x[:, :, c : x.shape[2] - c, c : x.shape[3] - c]
        return torch.relu(cast(Tensor, self.body(x)) + cast(Tensor, self.shortcut(kept)))


def _convolution(inputs: int, outputs: int, kernel: int, padded: bool) -> list[nn.Module]:
    padding = kernel // 2 if padded else 0
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False),
        nn.BatchNorm2d(outputs),
    ]


def build_network(net: Architecture, seed: int = 0) -> nn.Sequential:
    """Build the network with He-initialised weights of a seed.

    Returns
    -------
    torch.nn.Sequential
        Patches (n, channels, patch, patch) to (n, outputs, 1, 1); a network of the family `exact`
        also takes (n, channels, rows + 2 halo, cols + 2 halo) to (n, outputs, rows, cols).
    """
    layers = _paper_layers(net) if net.family == "paper" else _exact_layers(net)
    inputs = net.channels if net.kind == "pixelnet" else net.widths()[-1]
    for i, width in enumerate(net.dense_widths()):
        if i or net.kind != "pixelnet":
            layers.append(Dropout(net.dropout))
        layers.append(nn.Conv2d(inputs, width, 1))
        layers.append(nn.ReLU())
        inputs = width
    network = nn.Sequential(*layers[:-1])
    _initialise(network, seed)
    return network


def _exact_layers(net: Architecture) -> list[nn.Module]:
    layers: list[nn.Module] = []
    inputs, kernels = net.channels, net.kernels()
    if net.kind == "pixelnet":
        return layers
    for i, width in enumerate(net.widths()):
        pair = (kernels[2 * i], kernels[2 * i + 1])
        if net.kind == "alexnet":
            layers += [*_convolution(inputs, width, pair[0], False), nn.ReLU()]
            layers += [nn.MaxPool2d(pair[1], stride=1)] if pair[1] > 1 else []
        else:
            layers += _block(net, inputs, width, pair)
        inputs = width
    if net.pool:
        layers.append(nn.MaxPool2d(3, stride=1))
    return layers


def _block(net: Architecture, inputs: int, width: int, kernels: tuple[int, int]) -> list[nn.Module]:
    padded = net.family == "paper"
    if net.kind == "resnet":
        return [Residual(inputs, width, kernels, padded)]
    first, second = kernels
    return [
        *_convolution(inputs, width, first, padded),
        nn.ReLU(),
        *_convolution(width, width, second, padded),
        nn.ReLU(),
    ]


def _paper_layers(net: Architecture) -> list[nn.Module]:
    layers: list[nn.Module] = []
    if net.kind == "pixelnet":
        return layers
    inputs = net.channels
    for width in net.widths():
        if net.kind == "alexnet":
            layers += [*_convolution(inputs, width, 3, True), nn.ReLU()]
        else:
            layers += _block(net, inputs, width, (3, 3))
        inputs = width
    layers.append(nn.MaxPool2d(min(2, net.patch), stride=1))
    layers.append(nn.AdaptiveAvgPool2d(1))
    return layers


def _initialise(network: nn.Sequential, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    last = network[-1]
    if isinstance(last, nn.Conv2d):  # start at the mean of the target
        nn.init.zeros_(last.weight)


def channels_last(network: nn.Sequential) -> nn.Sequential:
    """Lay the weights out by pixel, which the CPU's convolutions run fastest on."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def for_inference(network: nn.Sequential) -> nn.Sequential:
    """Turn a trained network into a faster one with the same numbers, up to rounding.

    Normalisation becomes part of the convolution before it, and sums and ReLU are written over
    their input: what is left is little but convolutions.

    Parameters
    ----------
    network : torch.nn.Sequential
        In evaluation mode; its weights are not changed.
    """
    layers: list[nn.Module] = []
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            before = layers.pop()
            layers.append(fuse_conv_bn_eval(cast(nn.Conv2d, before), layer))
        elif isinstance(layer, Residual):
            layers.append(_FusedResidual(layer))
        elif isinstance(layer, nn.ReLU):
            layers.append(nn.ReLU(inplace=True))
        elif not isinstance(layer, Dropout):
            layers.append(layer)
    return nn.Sequential(*layers).eval()


class _FusedResidual(nn.Module):
    def __init__(self, block: Residual) -> None:
        super().__init__()
        self.body, self.shortcut, self.crop = (
            for_inference(block.body),
            block.shortcut,
            block.crop,
        )

    def forward(self, x: Tensor) -> Tensor:
        c = self.crop
        kept = x[:, :, c : x.shape[2] - c, c : x.shape[3] - c]
        return cast(Tensor, self.body(x)).add_(cast(Tensor, self.shortcut(kept))).relu_()


def set_generator(network: nn.Sequential, generator: torch.Generator | None) -> None:
    """Give the dropout layers their random stream."""
    for module in network.modules():
        if isinstance(module, Dropout):
            module.generator = generator


def parameters_of(net: Architecture) -> int:
    """Count the weights of a network."""
    return sum(p.numel() for p in build_network(net).parameters())
