"""Checks of links: from the latent space to the simplex."""

from __future__ import annotations

import torch

from topicforge.contracts import ComponentSpec, Link
from topicforge.testing.catalogue import check_for
from topicforge.testing.failure import require
from topicforge.testing.probe import link_input
from topicforge.testing.subject import build, title_of
from topicforge.testing.support import require_support
from topicforge.testing.toys import toy_context


@check_for("link")
def check_link(spec: ComponentSpec) -> None:
    """``forward(z)`` returns log theta (B, K): exp of each row sums to one, also far from zero.

    ``accepts`` is ``z`` or ``theta``. ``softmax = True`` is claimed exactly where the link is
    log_softmax(z) with L = K for posteriors in z, because closed forms rest on it.
    """
    what = title_of(spec)
    torch.manual_seed(0)
    link: Link = build(spec, toy_context()).eval()
    require(
        link.accepts in ("z", "theta"), what, f"accepts is {link.accepts!r}",
        "it must be 'z' or 'theta'", "set the class attribute",
    )  # fmt: skip
    z = link_input(link)
    with torch.no_grad():
        for scale in (1.0, 30.0):
            given = z * scale if link.accepts == "z" else torch.log_softmax(z * scale, -1)
            log_theta = link(given)
            require(
                tuple(log_theta.shape) == (6, 4), what, f"returned shape {tuple(log_theta.shape)}",
                "6 latents and 4 topics were given: (6, 4)", "map the last axis from L to K",
            )  # fmt: skip
            require_support(what, f"log theta of z of size {scale:g}", log_theta, "theta")
        plain = torch.log_softmax(z, -1)
        # one float32 rounding for each of the two ways round
        same = bool(torch.allclose(link(z), plain, atol=1e-6))
    require(
        same or not link.softmax, what, "is not log_softmax(z)", "it says softmax = True",
        "leave softmax at False",
    )  # fmt: skip
    require(
        same or link.accepts != "theta", what, "changes log theta",
        "a link that accepts 'theta' is handed points of the simplex and must keep them",
        "return torch.log_softmax(z, -1), or accept 'z'",
    )  # fmt: skip
