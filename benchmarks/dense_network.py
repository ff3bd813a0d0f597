"""A network over tiles against the same network patch by patch, and against the machine's limit.

    python benchmarks/dense_network.py [--threads 2] [--rounds 3] [--seconds 2] [--device cpu]

Everything is measured interleaved in one process, so that ratios survive a shared machine. One
member, one symmetry: the default ensemble costs 5 × 8 times as much. The machine's limit is its own
3 × 3 convolution (256 to 256 channels, channels last), measured in the same rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from phytomass.grid import BLOCK
from phytomass.models.patch_cnn import Architecture
from phytomass.models.patch_cnn.architecture import TILE
from phytomass.models.patch_cnn.door import torch_threads
from phytomass.models.patch_cnn.inference import Ensemble
from phytomass.models.patch_cnn.nets import build_network, channels_last

BANDS = 15
TILE_PIXELS = 10_980**2
PRESETS = ((64, 11), (64, 17), (32, 11), (32, 15), (16, 11))


def architecture(filters: int, patch: int) -> Architecture:
    return Architecture("resnet", "exact", BANDS, patch, filters)


def ensemble(
    net: Architecture, precision: str, device: torch.device
) -> tuple[Ensemble, dict[str, np.ndarray]]:
    torch.manual_seed(1)  # both precisions get one network
    network = build_network(net, seed=1)
    last = network[-1]
    assert isinstance(last, nn.Conv2d)
    nn.init.normal_(last.weight, std=0.1)  # it starts at zero, which has no error to measure
    with torch.inference_mode():  # statistics like those of a trained network
        for _ in range(20):
            network(torch.randn(64, BANDS, net.patch, net.patch))
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    return Ensemble(net, [state], device, precision, symmetries=False), state


def plain(net: Architecture, state: dict[str, np.ndarray], device: torch.device) -> nn.Sequential:
    """Return the network as torch runs it after training: the usual way to predict patches."""
    network = build_network(net)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return channels_last(network.eval().to(device))


def in_batches(network: nn.Sequential, patches: torch.Tensor, threads: int) -> float:
    with torch.inference_mode(), torch_threads(threads):
        return float(network(patches)[0, 0, 0, 0])


def flops(net: Architecture, side: int) -> float:
    """Count multiplications and additions of one tile, halo included."""
    total_of = [0.0]

    def count(layer: nn.Module, _: object, out: torch.Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        total_of[0] += 2.0 * out.numel() * layer.in_channels * layer.kernel_size[0] ** 2

    network = build_network(net).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.device("meta"):
        network.to("meta")(torch.empty(1, BANDS, side + 2 * net.halo, side + 2 * net.halo))
    return total_of[0]


def rate(run: Callable[[], object], work: float, seconds: float) -> float:
    """Return work per second over at least so many seconds."""
    run()
    done, clock = 0, time.perf_counter()
    while time.perf_counter() - clock < seconds:
        run()
        done += 1
    return work * done / (time.perf_counter() - clock)


def convolution(device: torch.device, threads: int) -> tuple[Callable[[], object], float]:
    layer = channels_last(nn.Sequential(nn.Conv2d(256, 256, 3)).to(device)).eval()
    x = torch.randn(1, 256, 130, 130, device=device).contiguous(memory_format=torch.channels_last)

    def run() -> object:
        with torch.inference_mode(), torch_threads(threads):
            out = layer(x)
            return float(out[0, 0, 0, 0])

    return run, 2.0 * 128 * 128 * 256 * 256 * 9


def row(
    net: Architecture, options: argparse.Namespace, limit: tuple[Callable[[], object], float]
) -> str:
    """Measure one network, everything in turn in each round; medians of the rounds."""
    device, rng = torch.device(options.device), np.random.default_rng(1)
    (fp32, state), (bf16, _) = (ensemble(net, p, device) for p in ("fp32", "bf16"))
    usual = plain(net, state, device)
    side = BLOCK  # as maps are computed
    field = rng.normal(size=(BANDS, side + 2 * net.halo, side + 2 * net.halo))
    cut = rng.normal(size=(1024, BANDS, net.patch, net.patch))
    batch = torch.as_tensor(cut, dtype=torch.float32, device=device)
    batch = batch.contiguous(memory_format=torch.channels_last)
    runs = (
        (partial(in_batches, usual, batch, options.threads), 1024),
        (partial(fp32.patches, cut, options.threads), 1024),
        (partial(fp32.field, field, TILE, options.threads), side**2),
        (partial(bf16.field, field, TILE, options.threads), side**2),
        limit,
    )
    cost = flops(net, TILE) / TILE**2
    arithmetic = flops(net, 1) / cost
    rounds = []
    for _ in range(options.rounds):
        usual_rate, wise, dense, half, most = (
            rate(run, work, options.seconds) for run, work in runs
        )
        ratios = (dense / usual_rate, dense / wise, dense * cost / most, half / dense)
        rounds.append((usual_rate, wise, dense, *ratios, most))
    usual_rate, wise, dense, ratio, own, share, half, most = np.median(rounds, axis=0)
    exact = fp32.field(field[:, :200, :200], TILE, options.threads)
    error = bf16.field(field[:, :200, :200], TILE, options.threads) - exact
    relative = f"× {half:.1f}, error rms {error.std() / exact.std():.4f} SD"
    return (
        f"{net.filters:7d} {net.patch:5d} | {usual_rate:20,.0f} {wise:10,.0f} | {dense:10,.0f} |"
        f" {ratio:5.1f} {own:5.1f} {arithmetic:5.1f} |"
        f" {100 * share:5.0f} % of {most / 1e9:.0f} GFLOP/s | {TILE_PIXELS / dense / 3600:.2f}"
        f" | {relative}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    limit = convolution(torch.device(options.device), options.threads)
    print(
        "filters patch | patch by patch px/s: plain, ours | dense px/s | ratio to plain, ours,"
        " of arithmetic | share of limit |"
        " h per tile | bf16"
    )
    for filters, patch in PRESETS:
        print(row(architecture(filters, patch), options, limit))


if __name__ == "__main__":
    main()
