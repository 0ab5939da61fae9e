"""What older versions wrote into model folders, brought step by step to the present format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Migration:
    """One step, from a format to the next one.

    Args:
        topics: changes model.json and topics.safetensors, in place.
        renamed: tensors of weights.safetensors, old name -> new name.
    """

    topics: Callable[[dict[str, Any], dict[str, Tensor]], None]
    renamed: dict[str, str]


def migrate(
    description: dict[str, Any], arrays: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what model.json and topics.safetensors would hold, had the present version written them.

    Only ``format`` stays the number under which they were written.

    Args:
        description: of model.json.
        arrays: of topics.safetensors.

    Raises:
        KeyError: something is missing that its format has.
    """
    description, arrays = dict(description), dict(arrays)
    for step in _steps(description["format"]):
        step.topics(description, arrays)
    return description, arrays


def migrate_weights(written: int, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under the names that they have now.

    Args:
        written: the format under which they were written.
        weights: of weights.safetensors.
    """
    for step in _steps(written):
        weights = {step.renamed.get(name, name): value for name, value in weights.items()}
    return weights


def _steps(written: int) -> list[Migration]:
    return [step for number, step in sorted(MIGRATIONS.items()) if number >= written]


def _from_1(description: dict[str, Any], arrays: dict[str, Tensor]) -> None:
    """The one ranking that format 1 kept becomes the decoder's; it counted no words by topic."""
    sizes = description["sizes"]
    k, v = int(sizes["n_topics"]), int(sizes["vocab_size"])
    del description["word_ranking"]
    description.update(
        scored_by=description["ranking"], ranking="decoder", n_documents=0,
        parameters={**description["parameters"], "ranking": None},
        machine={}, optimiser_form="not known", first_index=None,
    )  # fmt: skip
    arrays["decoder_scores"] = arrays.pop("word_scores")
    arrays["joint"] = torch.zeros(v, k)
    for name, size in (("topic", k), ("documents", v), ("tokens", v), ("largest", k)):
        arrays[name] = torch.zeros(size, dtype=torch.float64)


#: by the format that a step starts from
MIGRATIONS = {1: Migration(_from_1, {"encoder.trunk.weight": "encoder.trunk.words.weight"})}
