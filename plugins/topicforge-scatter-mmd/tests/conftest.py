"""Declarations of two sides, as the core hands them to a divergence."""

import pytest
from topicforge.plugin import DiagonalNormal, Latent, Pair


@pytest.fixture
def pair():
    """Make a Pair from two types; flags of the Latents by keyword."""

    def make(
        posterior=DiagonalNormal, prior=DiagonalNormal, reparameterised=True, prior_flags=None
    ):
        return Pair(
            posterior=Latent(posterior, reparameterised=reparameterised),
            prior=Latent(prior, **{"trainable": False, **(prior_flags or {})}),
            softmax_link=True,
            lookup=lambda *_: None,
        )

    return make
