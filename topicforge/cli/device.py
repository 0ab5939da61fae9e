"""Whether a device can be used, before anything is read."""

from __future__ import annotations

from topicforge.errors import OptionError


def check_device(name: str | None) -> None:
    """Put an empty tensor on the device.

    Raises:
        OptionError: there is no such device, or not with this torch.
    """
    if name in (None, "auto", "cpu"):
        return
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise OptionError(
            f"--device: {name!r} can't be used here: {why}; take auto or cpu"
        ) from error
