"""Checks of decoders: likelihood, word distributions, penalties."""

from __future__ import annotations

import torch

from topicforge.contracts import ComponentSpec, Decoder
from topicforge.testing.catalogue import check_for
from topicforge.testing.failure import require
from topicforge.testing.subject import build, title_of
from topicforge.testing.toys import toy_batch, toy_context, toy_theta


def _decoder(spec: ComponentSpec) -> Decoder:
    torch.manual_seed(0)
    decoder: Decoder = build(spec, toy_context()).eval()
    return decoder


@check_for("decoder")
def check_topic_word(spec: ComponentSpec) -> None:
    """``topic_word(theta)`` returns (R, V) word distributions: not negative, rows sum to one.

    ``word_scores`` has the same shape, is finite, and ``ranking`` says its rule in words.
    """
    what, decoder = title_of(spec), _decoder(spec)
    with torch.no_grad():
        for theta in (torch.eye(4), toy_theta(3), toy_theta(1)):
            shape = (theta.shape[0], 30)
            words, scores = decoder.topic_word(theta), decoder.word_scores(theta)
            for name, value in (("topic_word", words), ("word_scores", scores)):
                require(
                    tuple(value.shape) == shape, what, f"{name} has shape {tuple(value.shape)}",
                    f"R thetas and V words were given: {shape}", "return one row for each theta",
                )  # fmt: skip
                require(
                    bool(torch.isfinite(value).all()), what, f"{name} is not finite",
                    "every word needs a number", "work in log space",
                )  # fmt: skip
            # float32 sums of 30 shares
            off = float((words.sum(-1) - 1).abs().max())
            require(
                off < 1e-5 and float(words.min()) >= 0, what,
                f"rows of topic_word are off one by {off:.2g}, smallest entry {float(words.min()):.2g}",
                "they must be distributions over words", "end with softmax over the words",
            )  # fmt: skip
    text = decoder.ranking
    require(
        isinstance(text, str) and bool(text.strip()), what, f"ranking is {text!r}",
        "it must say in words how top words are ranked", "return a sentence",
    )  # fmt: skip


@check_for("decoder")
def check_log_likelihood(spec: ComponentSpec) -> None:
    """``log_likelihood`` is sum_v x_v log p_v(theta), (B,), p = ``topic_word``; no coefficient.

    Compared in float64 outside training, so that every decoder is scored on one scale; an empty
    document has log-likelihood 0. A decoder whose words are no distribution (Bernoulli) can't hold
    this and says so as an expected failure.
    """
    what, decoder = title_of(spec), _decoder(spec).double()
    batch = toy_batch(6, empty=(5,)).to("cpu", torch.float64)
    theta = toy_theta(6, dtype=torch.float64)
    dense = torch.zeros(6, 30, dtype=torch.float64)
    dense[batch.row, batch.col] = batch.count
    with torch.no_grad():
        came = decoder.log_likelihood(theta, batch)
        expected = (dense * decoder.topic_word(theta).log()).sum(-1)
    require(
        tuple(came.shape) == (6,), what, f"log_likelihood has shape {tuple(came.shape)}",
        "one number a document: (6,)", "sum over the words of each document, not over documents",
    )  # fmt: skip
    # float64 sums of 25 logarithms; operators may hold log p to 1e-9
    gap = float((came - expected).abs().max())
    require(
        gap < 1e-6 * float(expected.abs().max()), what,
        f"log_likelihood differs from sum_v x_v log topic_word by {gap:.3g}",
        "both must speak of the same p(word | theta), without multinomial coefficient",
        "compute both from one word distribution, in eval mode without noise",
    )  # fmt: skip


@check_for("decoder")
def check_penalties(spec: ComponentSpec) -> None:
    """``penalties()`` returns further loss terms by name: scalar, finite tensors, already weighted."""
    what = title_of(spec)
    found = _decoder(spec).penalties()
    require(
        isinstance(found, dict), what, f"penalties() gave {type(found).__name__}",
        "it must give a dict: name -> scalar tensor", "return {} where there are none",
    )  # fmt: skip
    for name, value in found.items():
        good = isinstance(name, str) and isinstance(value, torch.Tensor) and value.dim() == 0
        require(
            good and bool(torch.isfinite(value)), what, f"penalty {name!r} is {value!r}",
            "a penalty is a scalar, finite tensor", "sum or average it to one number",
        )  # fmt: skip
