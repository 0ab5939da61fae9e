"""Checks of decoders: likelihood, word distributions, penalties."""

from __future__ import annotations

import torch

from topicforge.contracts import ComponentSpec
from topicforge.testing.probe import gap, require_finite, require_shape, toy_part
from topicforge.testing.specs import title_of
from topicforge.testing.suite import check_for, require
from topicforge.testing.toys import toy_batch, toy_theta


@check_for("decoder")
def check_topic_word(spec: ComponentSpec) -> None:
    """``topic_word(theta)`` returns (R, V) word distributions: not negative, rows sum to one.

    So does ``own_words``. ``word_scores`` has the same shape, is finite, and ``scored_by`` says its rule in
    words.
    """
    what, decoder = title_of(spec), toy_part(spec)
    with torch.no_grad():
        for theta in (torch.eye(4), toy_theta(3), toy_theta(1)):
            shape = (theta.shape[0], 30)
            found = {
                name: getattr(decoder, name)(theta)
                for name in ("topic_word", "own_words", "word_scores")
            }
            for name, value in found.items():
                require_shape(what, name, value, shape, "return one row of V words per theta")
                require_finite(what, name, value, "work in log space")
            # float32 sums of 30 shares
            for name in ("topic_word", "own_words"):
                words = found[name]
                off = float((words.sum(-1) - 1).abs().max())
                require(
                    off < 1e-5 and float(words.min()) >= 0, what,
                    f"rows of {name} sum to one up to {off:.2g}, smallest entry {float(words.min()):.2g}",
                    "they must be distributions over words", "end with softmax over the words",
                )  # fmt: skip
    text = decoder.scored_by
    require(
        isinstance(text, str) and bool(text.strip()), what, f"scored_by is {text!r}",
        "it must say in words how top words are ranked", "return a sentence",
    )  # fmt: skip


@check_for("decoder")
def check_log_likelihood(spec: ComponentSpec) -> None:
    """``log_likelihood`` is sum_v x_v log p_v(theta), (B,), p = ``topic_word``; no coefficient.

    Compared in float64 outside training, so that every decoder is scored on one scale; an empty
    document has log-likelihood 0. A decoder whose words are no distribution (Bernoulli) can't hold
    this and says so as an expected failure.
    """
    _check_likelihood(spec, "log_likelihood")


@check_for("decoder")
def check_word_log_likelihood(spec: ComponentSpec) -> None:
    """``word_log_likelihood`` is sum_v x_v log p_v(theta), (B,), p = ``topic_word``, for every decoder.

    It is what perplexity is made of; a decoder whose ``log_likelihood`` is that already need not say
    anything.
    """
    _check_likelihood(spec, "word_log_likelihood")


def _check_likelihood(spec: ComponentSpec, method: str) -> None:
    what, decoder = title_of(spec), toy_part(spec).double()
    batch = toy_batch(6, empty=(5,)).to("cpu", torch.float64)
    theta = toy_theta(6, dtype=torch.float64)
    dense = torch.zeros(6, 30, dtype=torch.float64)
    dense[batch.row, batch.col] = batch.count
    with torch.no_grad():
        came = getattr(decoder, method)(theta, batch)
        expected = (dense * decoder.topic_word(theta).log()).sum(-1)
    change = "sum over the words of each document, not over documents"
    require_shape(what, method, came, (6,), change)
    # float64 sums of 25 logarithms; operators may hold log p to 1e-9
    off = gap(came, expected)
    require(
        off < 1e-6 * float(expected.abs().max()), what,
        f"{method} differs from sum_v x_v log topic_word by {off:.3g}",
        "both must use the same p(word | theta), without multinomial coefficient",
        "compute both from one word distribution, in eval mode without noise",
    )  # fmt: skip


@check_for("decoder")
def check_penalties(spec: ComponentSpec) -> None:
    """``penalties()`` returns further loss terms by name: scalar, finite tensors, already weighted."""
    what = title_of(spec)
    found = toy_part(spec).penalties()
    require(
        isinstance(found, dict), what, f"penalties() gave {type(found).__name__}",
        "it must give a dict: name -> scalar tensor", "return {} where there are none",
    )  # fmt: skip
    for name, value in found.items():
        change = "sum or average it to one number"
        require_shape(what, f"penalty {name!r}", value, (), change)
        require_finite(what, f"penalty {name!r}", value, change)
