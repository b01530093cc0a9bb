"""Data-parallel gradients on several cores: each thread takes a share of the batch.

Threads that synchronise after every layer wait for the slowest each time, which on a busy machine is most of the time;
threads that synchronise once a step are up to three times as fast there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from ho_imaging.network.unet import UNet
from ho_imaging.training.batches import Batch

__all__ = ["Objective", "Shares"]

Objective = Callable[[UNet, Batch], tuple[Tensor, dict[str, float]]]
"""Function that computes the loss of a batch, and its parts for the log."""


class Shares:
    """Gradients of a network by ``count`` threads, each on its share of the batch.

    The copies share the network's weights and have batch normalisation statistics of their own, which are averaged
    after each step. The result depends on ``count`` but not on the timing of threads.

    Parameters
    ----------
    net
        The network.
    count
        Number of threads.

    """

    def __init__(self, net: UNet, count: int) -> None:
        self._copies = [net, *(_twin(net) for _ in range(count - 1))]
        self._pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))

    def backward(self, batch: Batch, objective: Objective) -> tuple[float, dict[str, float]]:
        """Store the gradient of the shares' mean loss in the network.

        Parameters
        ----------
        batch
            The whole batch.
        objective
            Loss function.

        Returns
        -------
        loss : float
            Mean loss over the shares.
        parts : dict of str to float
            Mean of its parts.

        """
        net = self._copies[0]
        parameters = list(net.parameters())
        shares = min(len(self._copies), len(batch.films))
        copies = self._copies[:shares]
        # Interleaved, because neighbours in a batch come from the same image.
        parts_of_batch = [Batch(*(tensor[index::shares] for tensor in batch)) for index in range(shares)]

        def one(twin: UNet, share: Batch) -> tuple[float, dict[str, float], tuple[Tensor, ...]]:
            loss, parts = objective(twin, share)
            return float(loss.detach()), parts, torch.autograd.grad(loss, parameters)

        results = list(self._pool.map(one, copies, parts_of_batch))
        for index, parameter in enumerate(parameters):
            parameter.grad = torch.stack([gradients[index] for _, _, gradients in results]).mean(0)
        _average_buffers(copies, self._copies)
        loss = sum(loss for loss, _, _ in results) / shares
        return loss, {name: sum(parts[name] for _, parts, _ in results) / shares for name in results[0][1]}

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown()


def _twin(net: UNet) -> UNet:
    """Copy a network's structure and buffers, sharing its parameters."""
    shared = {id(parameter): parameter for parameter in net.parameters()}
    return copy.deepcopy(net, shared)


@torch.no_grad()
def _average_buffers(sources: list[UNet], targets: list[UNet]) -> None:
    for buffers in zip(*(net.buffers() for net in sources), strict=True):
        if buffers[0].is_floating_point():
            buffers[0].copy_(torch.stack(buffers).mean(0))
    for target in targets[1:]:
        for mine, averaged in zip(target.buffers(), targets[0].buffers(), strict=True):
            mine.copy_(averaged)
