"""What a component computes on toy input, as tensors: what several checks compare."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topicforge.contracts import Batch, ComponentSpec, Decoder, Encoder, Link, Prior
from topicforge.distributions import Distribution
from topicforge.testing.failure import CheckError
from topicforge.testing.subject import title_of
from topicforge.testing.toys import N_TOPICS, toy_batch, toy_theta, toy_z

SEED = 3


def link_input(link: Link, n: int = 6, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return points of the space that a link takes: z, or log theta."""
    width = link.context.n_latent if link.accepts == "z" else link.context.n_topics
    return toy_z(n, width, dtype) if link.accepts == "z" else toy_theta(n, width, dtype).log()


def probe(
    component: Any,
    *,
    batch: Batch | None = None,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    seed: int = SEED,
) -> dict[str, Tensor]:
    """Return everything a component computes on toy input, by name.

    An encoder's posterior: mean and a sample; a prior's likewise; a link's log theta; a decoder's
    likelihood, word distributions and penalties.

    Args:
        component: an encoder, a link, a prior or a decoder.
        batch: documents; ``None`` for six toy documents, the last one empty.
        dtype: floating type of the input.
        device: where the input lies.
        seed: of torch's generators, set before each draw.
    """
    batch = (toy_batch(6, empty=(5,)) if batch is None else batch).to(device, dtype)
    n = batch.n_documents
    torch.manual_seed(seed)
    if isinstance(component, Encoder):
        q = component(batch)
        torch.manual_seed(seed)
        return {"mean": q.mean, "sample": q.rsample()}
    if isinstance(component, Prior):
        p = component.distribution()
        torch.manual_seed(seed)
        return {"mean": p.mean, "sample": p.rsample(5)}
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


def run(spec: ComponentSpec, component: Any, what: str, **given: Any) -> dict[str, Tensor]:
    """Return :func:`probe` of a component, or say that it failed.

    Args:
        spec: for the message.
        component: the built one.
        what: the circumstances, for the message: ``in float64``, say.
        **given: for :func:`probe`.

    Raises:
        CheckError: it raised.
    """
    try:
        return probe(component, **given)
    except Exception as error:
        raise CheckError(
            f"{title_of(spec)}: {what} it raised {type(error).__name__}: {error}, but it must "
            "compute there as anywhere. To mend it: see the traceback above."
        ) from error


def tensors_of(distribution: Distribution) -> dict[str, Tensor]:
    """Return the tensors that a distribution was made from, by attribute; one level of nesting."""
    found: dict[str, Tensor] = {}
    for name, value in vars(distribution).items():
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, Distribution):
            found.update({f"{name}.{k}": v for k, v in tensors_of(value).items()})
    return found


def n_parameters(component: torch.nn.Module) -> int:
    """Return how many numbers training moves."""
    return sum(p.numel() for p in component.parameters() if p.requires_grad)


__all__ = ["N_TOPICS", "SEED", "link_input", "n_parameters", "probe", "run", "tensors_of"]
