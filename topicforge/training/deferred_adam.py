"""Adam whose absent rows take their steps when they are next read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from topicforge import ops
from topicforge.errors import OptionError
from topicforge.training.lazy_adam import LazyAdam

#: steps whose rates are kept; then all rows catch up, which costs one dense step in so many
_WINDOW = 4096


class DeferredAdam(LazyAdam):
    """Adam, with the steps of rows without a gradient put off until somebody reads the row.

    A row that is absent from a batch has gradient 0, and what Adam then does to it is known without
    looking at it: m and v decay, w goes on by what is left of m. So nothing is done until the row is
    wanted, and then all its steps at once (:func:`topicforge.ops.adam_catch_up`), at the cost of reading
    and writing it once. Every row ends where :class:`torch.optim.Adam` takes it, to rounding, and a
    step's memory traffic follows the rows of its batch and not all V.

    Before a forward pass :meth:`catch_up` must be called with the rows that it reads, and after the
    last step with none, for all of them. Parameters with dense gradients take torch's own Adam.

    Args:
        params: parameters or groups of them.
        lr: step size, ≥ 0; may change between steps.
        betas: β₁ and β₂, in [0, 1).
        eps: ε, > 0.
        weight_decay: 0: it pulls at every row in every step.
        fused: torch's fused kernel for dense gradients.
        waits: False: absent rows take their step with the others, and nobody needs :meth:`catch_up`.
            A step then reads and writes all rows, as a dense one does, but no gradient of V rows is
            ever made.

    State: that of LazyAdam, and ``since`` (V,), the step that each row has done, with ``rates`` (4096,),
    the step sizes after step ``base``; tensors and numbers alone.

    Raises:
        OptionError: a number outside its domain, or a gradient with another layout than before.

    Source: Kingma and Ba 2015, algorithm 1.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        fused: bool = False,
        waits: bool = True,
    ) -> None:
        if weight_decay:
            raise OptionError(
                "deferred-adam: weight_decay must be 0, since it pulls at every word in every step, "
                f"got {weight_decay!r}; use optimiser='adam'"
            )
        super().__init__(params, lr, betas, eps, fused=fused)
        self.waits = waits

    @torch.no_grad()
    def catch_up(self, row: Tensor | None = None) -> None:
        """Let rows take the steps that they missed.

        Args:
            row: (R,) int64, each larger than the one before; ``None`` for all.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if "since" in self.state[p]:
                    self._catch_up(p, row, group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, which would turn ``since`` and ``rates`` into the parameters' own kind."""
        super().load_state_dict(state_dict)
        parameters = [p for group in self.param_groups for p in group["params"]]
        for number, kept in state_dict["state"].items():
            p = parameters[int(number)]
            for name in ("since", "rates", "base"):
                if name in kept:
                    device = p.device if name == "since" else torch.device("cpu")
                    self.state[p][name] = kept[name].to(device, copy=True)

    def _step_rows(self, p: Tensor, row: Tensor, rows: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if "since" not in state:
            state["since"] = torch.zeros(p.shape[0], dtype=torch.int64, device=p.device)
            state["rates"] = torch.zeros(_WINDOW, dtype=torch.float64)
            state["base"] = torch.zeros((), dtype=torch.int64)
        done = int(state["step"])
        if done - int(state["base"]) == _WINDOW:
            self._catch_up(p, None, group)
            state["base"].fill_(done)
        state["rates"][done - int(state["base"])] = group["lr"]
        # those that other processes read, where several train together
        self._catch_up(p, row, group)
        super()._step_rows(p, row, rows, group)
        state["since"][row] = done + 1
        if not self.waits:
            self._catch_up(p, None, group)
            state["base"].fill_(done + 1)

    def _step_dense(self, params: list[Tensor], group: dict[str, Any]) -> None:
        for p in params:
            if "since" in self.state[p]:
                raise OptionError(
                    "DeferredAdam: a parameter whose gradient was of rows must go on so, but one of shape "
                    f"{tuple(p.shape)} has a dense one"
                )
        super()._step_dense(params, group)

    def _catch_up(self, p: Tensor, row: Tensor | None, group: dict[str, Any]) -> None:
        state = self.state[p]
        base, done = int(state["base"]), int(state["step"])
        if row is None:
            row = torch.arange(p.shape[0], device=p.device)
        ops.adam_catch_up(
            p,
            state["exp_avg"],
            state["exp_avg_sq"],
            state["since"],
            row,
            state["rates"][: done - base],
            base=base,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            eps=group["eps"],
        )
