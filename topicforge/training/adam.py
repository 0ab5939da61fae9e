"""Adam whose steps of absent words are taken when their rows are next read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from topicforge import ops
from topicforge.contracts.word_layer import WordLayer

#: steps whose sizes are kept; after so many all rows are brought up to date
_WINDOW = 1024


class RowAdam(torch.optim.Adam):
    """:class:`torch.optim.Adam` to rounding, at a cost per step that follows the words of the batch.

    The row of a word that is absent from a batch has the gradient 0 (or weight decay alone), and Adam's
    step of it is known without the batch. So it is put off until the row is read, and all steps put off
    are taken at once (:func:`topicforge.ops.adam_rows`). :meth:`settle` takes them for all rows; it must be
    called before anything else reads the layers' weights. torch's own step reads and writes four matrices
    of size V x H: training etm and nvdm-gsm at V = 50,000 takes 1.25 to 1.5 times as long (docs/scaling.md).

    Args:
        params: parameters, those of the layers among them.
        layers: first layers, which read their rows here between :meth:`begin` and :meth:`release`.
        **options: of :class:`torch.optim.Adam`.

    State of a layer's weight: ``step``, ``exp_avg`` and ``exp_avg_sq`` as torch has them, ``since`` (V,), the
    last step that each row has done, and ``rates``, the step sizes after step ``base``.

    Source: Kingma and Ba 2015, algorithm 1.
    """

    def __init__(
        self, params: Iterable[Tensor], layers: Sequence[WordLayer], **options: Any
    ) -> None:
        super().__init__(params, **options)
        self._layers = layers
        #: what was read since the last step: parameter, words, their rows
        self._read: list[tuple[Tensor, Tensor, Tensor]] = []
        for layer in layers:
            weight = layer.weight
            self.state[weight] = {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
                "since": torch.zeros(len(weight), dtype=torch.int64),
                "rates": torch.zeros(_WINDOW, dtype=torch.float64),
                "base": torch.zeros((), dtype=torch.int64),
            }

    def begin(self) -> None:
        """Have the layers read their rows here."""
        for layer in self._layers:
            layer.rows = self._reader(layer.weight)

    def release(self) -> None:
        """Take all steps put off, and let the layers read their weights themselves."""
        self.settle()
        self._read.clear()
        for layer in self._layers:
            layer.rows = None

    def settle(self) -> None:
        """Take all steps put off."""
        for layer in self._layers:
            self._step(layer.weight, torch.arange(len(layer.weight)), None)

    def __getstate__(self) -> dict[str, Any]:
        """What torch keeps of an optimiser, and the layers."""
        return {**super().__getstate__(), "_layers": self._layers, "_read": []}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Step the rows that were read, and all other parameters."""
        del closure
        for layer in self._layers:
            read = [(words, rows.grad) for of, words, rows in self._read if of is layer.weight]
            self._take(layer.weight, [(words, grad) for words, grad in read if grad is not None])
        self._read.clear()
        super().step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, which would make floating-point numbers of ``since`` and float32 of ``rates``."""
        super().load_state_dict(state_dict)
        weights = {id(layer.weight) for layer in self._layers}
        parameters = [p for group in self.param_groups for p in group["params"]]
        for number, kept in state_dict["state"].items():
            p = parameters[int(number)]
            if id(p) in weights:
                self.state[p].update({k: kept[k].clone() for k in ("since", "rates", "base")})

    def _reader(self, weight: Tensor) -> Callable[[Tensor], Tensor]:
        def rows(words: Tensor) -> Tensor:
            self._step(weight, words, None)
            leaf = weight.detach()[words].requires_grad_(weight.requires_grad)
            self._read.append((weight, words, leaf))
            return leaf

        return rows

    def _take(self, weight: Tensor, gradients: list[tuple[Tensor, Tensor]]) -> None:
        if not gradients:
            return
        words, grad = gradients[0]
        if len(gradients) > 1:
            words, place = torch.cat([w for w, _ in gradients]).unique(return_inverse=True)  # type: ignore[no-untyped-call]
            rows = torch.cat([g for _, g in gradients])
            grad = rows.new_zeros(len(words), rows.shape[1]).index_add_(0, place, rows)
        state = self.state[weight]
        done = int(state["step"]) - int(state["base"])
        if done == len(state["rates"]):
            self._step(weight, torch.arange(len(weight)), None)
            state["base"].copy_(state["step"])
            done = 0
        state["rates"][done] = self.param_groups[0]["lr"]
        state["step"] += 1
        self._step(weight, words, grad)

    def _step(self, weight: Tensor, words: Tensor, grad: Tensor | None) -> None:
        state, group = self.state[weight], self.param_groups[0]
        base = int(state["base"])
        ops.adam_rows(
            weight, state["exp_avg"], state["exp_avg_sq"], state["since"], words, grad,
            state["rates"][: int(state["step"]) - base],
            base=base, beta1=group["betas"][0], beta2=group["betas"][1], eps=group["eps"],
            weight_decay=group["weight_decay"],
        )  # fmt: skip
