"""Checks of links: from the latent space to the simplex."""

from __future__ import annotations

import torch

from topicforge.contracts import ComponentSpec
from topicforge.testing.probe import link_input, require_shape, require_support, toy_part
from topicforge.testing.specs import title_of
from topicforge.testing.suite import check_for, require


@check_for("link")
def check_link(spec: ComponentSpec) -> None:
    """``forward(z)`` returns log theta (B, K): exp of each row sums to one, also far from zero.

    ``accepts`` is ``z`` or ``theta``. ``softmax = True`` is claimed exactly where the link is
    log_softmax(z) with L = K for posteriors in z, because closed forms rest on it.
    """
    what, link = title_of(spec), toy_part(spec)
    require(
        link.accepts in ("z", "theta"), what, f"accepts is {link.accepts!r}",
        "it must be 'z' or 'theta'", "set the class attribute",
    )  # fmt: skip
    z = link_input(link)
    with torch.no_grad():
        for scale in (1.0, 30.0):
            given = z * scale if link.accepts == "z" else torch.log_softmax(z * scale, -1)
            log_theta = link(given)
            require_shape(what, "log theta", log_theta, (6, 4), "map the last axis from L to K")
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
        "a link that accepts 'theta' is given points of the simplex and must keep them",
        "return torch.log_softmax(z, -1), or accept 'z'",
    )  # fmt: skip
