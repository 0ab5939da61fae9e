"""What the last bits of a fit depend on, beside its settings and documents."""

from __future__ import annotations

from typing import Any

import torch

from topicforge.ops import implementation


def machine(device: torch.device) -> dict[str, Any]:
    """Return what has to be equal for a fit to repeat bit for bit.

    Sums over a whole tensor, batch norm's statistics and scikit-learn's k-means add numbers up in an
    order that depends on the number of threads; matrix products in one that depends on the
    instruction set. Both change the last bits of a sum.

    Args:
        device: of the training.

    Returns:
        ``threads`` (of PyTorch), ``cpu`` (PyTorch's instruction set), ``operators`` (which implementation,
        and its instruction set), ``device`` (its name), ``torch`` (its version).
    """
    cuda = device.type == "cuda"
    return {
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "operators": implementation(device.type).partition(": ")[2].partition(", because")[0],
        "device": torch.cuda.get_device_name(device) if cuda else device.type,
        "torch": torch.__version__,
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Say what differs, as ``threads 2 instead of 1``; empty where nothing does."""
    return ", ".join(
        f"{name} {value} instead of {before.get(name)}"
        for name, value in now.items()
        if before.get(name) != value
    )
