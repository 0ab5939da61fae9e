"""Adam that steps the rows of a batch's words alone, and ends where Adam ends."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from topicforge import ops
from topicforge.contracts import WordLayer
from topicforge.errors import TrainingError

#: steps whose rates are kept; then all rows catch up, which costs one dense step in so many
_WINDOW = 4096


class RowAdam(torch.optim.Adam):
    """torch.optim.Adam that puts off the steps of rows without a gradient until the row is read.

    A word that is absent from a batch has gradient 0, and what Adam then does to its row is known without
    looking at it: m and v decay, w goes on by what is left of m, and weight decay pulls at it. So nothing
    is done until the row is read, and then all its steps at once (:func:`topicforge.ops.adam_rows`),
    at the cost of reading and writing it once. Every row ends where :class:`torch.optim.Adam` takes it, to
    rounding, and a step's memory traffic follows the rows of its batch and not all V.

    The weights of ``layers`` are stepped so: each gets sparse gradients, and its rows are brought up to
    date before it reads them. All other parameters, and a weight that something else reads too, so that its
    gradient is dense, are stepped by torch's own Adam; without layers it is torch's own Adam.

    Args:
        params: parameters or groups of them.
        layers: whose weights are stepped by rows.
        **options: of :class:`torch.optim.Adam`.

    State: that of :class:`torch.optim.Adam`, and ``since`` (V,), the step that each row has done, with
    ``rates`` (4096,), the step sizes after step ``base``; tensors and numbers alone.

    Source: Kingma and Ba 2015, algorithm 1.
    """

    def __init__(
        self, params: Iterable[Any], layers: Iterable[WordLayer] = (), **options: Any
    ) -> None:
        super().__init__(params, **options)
        self._layers = list(layers)

    @property
    def by_rows(self) -> bool:
        """Whether any weight is stepped by rows."""
        return bool(self._layers)

    def attach(self) -> None:
        """Bring rows up to date whenever a layer reads them, from now on."""
        for layer in self._layers:
            layer.before_reading = partial(self.catch_up, layer.weight)

    def release(self) -> None:
        """Bring all rows up to date, and let go of the layers."""
        self.catch_up_all()
        for layer in self._layers:
            layer.before_reading = None

    @torch.no_grad()
    def catch_up(self, p: Tensor, row: Tensor) -> None:
        """Let rows of a weight take the steps that were put off.

        Args:
            p: (V, H), the weight.
            row: (R,) int64, each larger than the one before.
        """
        if "since" in self.state[p]:
            self._update(p, row)

    @torch.no_grad()
    def catch_up_all(self) -> None:
        """Let all rows take the steps that were put off."""
        for layer in self._layers:
            self.catch_up(layer.weight, torch.arange(len(layer.weight), device=layer.weight.device))

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        del closure
        by_rows: dict[Tensor, Tensor] = {}
        for layer in list(self._layers):
            p = layer.weight
            if p.grad is None:
                continue
            if p.grad.layout == torch.sparse_coo:
                by_rows[p], p.grad = p.grad, None
            elif "since" in self.state[p]:
                raise TrainingError(
                    "TopicModel.fit: the weight of an encoder's word layer had gradients of the batch's "
                    f"words alone, but now one of all {len(p)} words: something else has begun to read "
                    "it. Read it in every step, or through its layer alone"
                )
            else:
                layer.before_reading = None
                self._layers.remove(layer)
        super().step()
        for p, grad in by_rows.items():
            self._step_rows(p, grad)
            p.grad = grad

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, which would turn ``since`` and ``rates`` into the parameters' own type."""
        super().load_state_dict(state_dict)
        parameters = [p for group in self.param_groups for p in group["params"]]
        for number, kept in state_dict["state"].items():
            p = parameters[int(number)]
            for name in ("since", "rates", "base"):
                if name in kept:
                    device = p.device if name == "since" else torch.device("cpu")
                    self.state[p][name] = kept[name].to(device, copy=True)

    def _step_rows(self, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            for name in ("exp_avg", "exp_avg_sq"):
                state[name] = torch.zeros_like(p, memory_format=torch.preserve_format)
            state["since"] = torch.zeros(len(p), dtype=torch.int64, device=p.device)
            state["rates"] = torch.zeros(_WINDOW, dtype=torch.float64)
            state["base"] = torch.zeros((), dtype=torch.int64)
        done, base = int(state["step"]), int(state["base"])
        if done - base == _WINDOW:
            self.catch_up(p, torch.arange(len(p), device=p.device))
            base = done
            state["base"].fill_(base)
        state["rates"][done - base] = self._group(p)["lr"]
        state["step"] += 1
        grad = coalesced(grad)
        self._update(p, grad.indices()[0], grad.values())

    def _update(self, p: Tensor, row: Tensor, grad: Tensor | None = None) -> None:
        state, group = self.state[p], self._group(p)
        base, done = int(state["base"]), int(state["step"])
        ops.adam_rows(
            # not p itself: a graph that waits for its backward pass holds other rows, which do not change
            p.data,
            state["exp_avg"],
            state["exp_avg_sq"],
            state["since"],
            row,
            state["rates"][: done - base],
            grad,
            base=base,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
        )

    def _group(self, p: Tensor) -> dict[str, Any]:
        return next(g for g in self.param_groups if any(q is p for q in g["params"]))


def coalesced(grad: Tensor) -> Tensor:
    """The sparse gradient of a weight, each row once.

    Autograd forgets that a gradient is coalesced when it stores it; one whose rows rise is, and sorting
    and copying them again would cost as much as the step.
    """
    row = grad._indices()[0]
    if bool((row.diff() <= 0).any()):
        return grad.coalesce()
    return torch.sparse_coo_tensor(
        row[None], grad._values(), grad.shape, is_coalesced=True, check_invariants=False
    )


def clip_gradients(parameters: Iterable[Tensor], largest: float) -> None:
    """:func:`torch.nn.utils.clip_grad_norm_`, which takes no sparse gradients, for these too.

    Args:
        parameters: those whose gradients are scaled, in place.
        largest: norm of all of them together that none exceeds afterwards, > 0.

    Source: Pascanu, Mikolov and Bengio 2013, algorithm 1.
    """
    dense: list[Tensor] = []
    for p in parameters:
        if p.grad is not None and p.grad.layout == torch.sparse_coo:
            p.grad = coalesced(p.grad)
            rows = p.grad.values()
            p = rows.detach()
            p.grad = rows
        dense.append(p)
    torch.nn.utils.clip_grad_norm_(dense, largest)
