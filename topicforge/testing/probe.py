"""What a component computes on toy input, as tensors: what several checks compare."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from topicforge.contracts import Batch, ComponentSpec, Context, Decoder, Encoder, Link, Prior
from topicforge.errors import TopicForgeError
from topicforge.registry import build
from topicforge.testing.specs import title_of
from topicforge.testing.suite import CheckError, raising_nothing, require
from topicforge.testing.toys import toy_batch, toy_context, toy_theta, toy_z

SEED = 3


def toy_part(spec: ComponentSpec, context: Context | None = None) -> Any:
    """Return the component with its defaults, in eval mode where it has one; seed 0.

    Args:
        spec: the component.
        context: sizes; ``None`` for the toy sizes.

    Raises:
        CheckError: it can't be built.
    """
    torch.manual_seed(0)
    try:
        built = build(spec, {}, toy_context() if context is None else context)
    except TopicForgeError as error:
        change = (
            "build it from its context and its defaults alone; move files and data into start()"
        )
        if "super().__init__" in str(error):
            change = "call it in the first line of __init__"
        raise CheckError(f"{error}. To correct it: {change}.") from error
    return built.eval() if isinstance(built, torch.nn.Module) else built


def link_input(link: Link, n: int = 6, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return points of the space that a link takes: z, or log theta."""
    if link.accepts == "z":
        return toy_z(n, link.context.n_latent, dtype)
    return toy_theta(n, link.context.n_topics, dtype).log()


def probe(
    spec: ComponentSpec,
    component: Any,
    what: str,
    *,
    batch: Batch | None = None,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Return everything a component computes on toy input, by name.

    An encoder's posterior: mean and a sample; a prior's likewise; a link's log theta; a decoder's
    likelihood, word distributions and penalties.

    Args:
        spec: for the message.
        component: the encoder, link, prior or decoder.
        what: the circumstances, for the message: ``in float64``, say.
        batch: documents; ``None`` for six toy documents, the last one empty.
        dtype: floating type of the input.
        device: where the input lies.

    Raises:
        CheckError: it raised.
    """
    batch = (toy_batch(6, empty=(5,)) if batch is None else batch).to(device, dtype)
    n = batch.n_documents
    torch.manual_seed(SEED)
    must = "it must compute there as anywhere"
    with raising_nothing(title_of(spec), f"computing {what}", must, "see the traceback above"):
        if isinstance(component, Encoder | Prior):
            law = component(batch) if isinstance(component, Encoder) else component.distribution()
            torch.manual_seed(SEED)
            return {
                "mean": law.mean,
                "sample": law.rsample(None if isinstance(component, Encoder) else 5),
            }
        if isinstance(component, Link):
            return {"log_theta": component(link_input(component, n, dtype).to(device))}
        assert isinstance(component, Decoder)
        n_topics = component.context.n_topics
        theta = toy_theta(n, n_topics, dtype).to(device)
        anchors = torch.eye(n_topics, dtype=dtype, device=device)
        return {
            "log_likelihood": component.log_likelihood(theta, batch),
            "topic_word": component.topic_word(anchors),
            "word_scores": component.word_scores(anchors),
            **{f"penalty {name}": value for name, value in component.penalties().items()},
        }


def gap(a: Tensor, b: Tensor) -> float:
    """Return the largest difference of two tensors; infinite where their shapes differ."""
    if a.shape != b.shape:
        return math.inf
    return float((a - b).detach().abs().max()) if a.numel() else 0.0


def require_finite(what: str, name: str, value: Tensor, change: str) -> None:
    """Raise CheckError unless every number is finite."""
    holds = bool(torch.isfinite(value).all())
    require(holds, what, f"{name} is not finite", "every number must be finite", change)


def require_shape(what: str, name: str, value: Any, shape: tuple[int, ...], change: str) -> None:
    """Raise CheckError unless given a tensor of this shape."""
    came = tuple(value.shape) if isinstance(value, Tensor) else repr(value)
    require(came == shape, what, f"{name} has shape {came}", f"it must have shape {shape}", change)


def require_support(what: str, name: str, value: Tensor, space: str) -> None:
    """Raise CheckError unless values lie in their space: z in R^L, log theta on the simplex.

    Args:
        what: the component.
        name: of the value.
        value: (..., L) z, or (..., K) log theta.
        space: ``z`` or ``theta``.
    """
    if space == "z":
        require_finite(what, name, value, "bound what goes into exp, and guard divisions")
        return
    # K float32 shares summed: a few units in the last place each
    off = float(value.logsumexp(-1).abs().max()) if value.numel() else 0.0
    require(
        off < 1e-4 and not bool(value.isnan().any()), what,
        f"exp of {name} sums to one up to {off:.2g} in the logarithm",
        "a point of the simplex is represented by log theta, whose exp sums to one",
        "end with torch.log_softmax(..., -1)",
    )  # fmt: skip
