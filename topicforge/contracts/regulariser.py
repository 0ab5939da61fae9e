"""The regulariser's contract: changes what training minimises, or which parts it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor


@dataclass(frozen=True)
class Progress:
    """How far training has come.

    Args:
        epoch: epochs done, with the part of the running one: 0.0 at the first step.
        epochs: how many are planned.
    """

    epoch: float
    epochs: int


class Regulariser:
    """One rule of training; override what it changes, everything else stays as it is.

        loss = scale * reconstruction + w * prod_d weight_d * D + sum of penalties,
        D = divergence_d(...(mean divergence)), z = latent_d(...(sample)), theta = theta_d(...(link(z)))

    Several rules work together, in the order in which they were given. They take part in the
    training epochs, not in autoencoder pretraining, and not in inference. A rule may keep state of
    its own that follows from ``start`` and the progress alone: a fit that is continued from a
    checkpoint starts it anew.
    """

    #: it needs a divergence with one number per document, and is refused with one number per batch
    per_document: ClassVar[bool] = False
    #: whether :meth:`penalty` reads the encoder's weights; False lets a step move a batch's words alone
    reads_encoder: ClassVar[bool] = True

    def start(self, network: Any) -> None:
        """Before the first step, with the parts started and ``network.context.start_data`` still there.

        Args:
            network: the :class:`~topicforge.wiring.network.Network`: ``encoder``, ``link``, ``prior``,
                ``decoder``, ``context``.

        Raises:
            MixError: the network lacks what this rule works on.
        """

    def divergence_weight(self, now: Progress) -> float:
        """Factor of the divergence's weight at this step, >= 0."""
        del now
        return 1.0

    def rising(self, now: Progress) -> bool:
        """True while the weight still rises: losses of different epochs can't be compared yet."""
        del now
        return False

    def divergence(self, value: Tensor) -> Tensor:
        """What enters the loss in place of the mean divergence, a scalar from a scalar."""
        return value

    def latent(self, z: Tensor) -> Tensor:
        """What the link is given instead of the sample z (B, L); the divergence sees z itself."""
        return z

    def theta(self, theta: Tensor) -> Tensor:
        """What the decoder is given instead of theta (B, K); the divergence sees theta itself."""
        return theta

    def penalty(self, network: Any, now: Progress) -> Tensor | None:
        """A scalar to add to the loss, ``None`` for nothing."""
        del network, now
        return None

    def trains(self, part: str, now: Progress) -> bool:
        """Whether ``encoder``, ``link``, ``prior`` or ``decoder`` is trained in the epoch that begins."""
        del part, now
        return True
