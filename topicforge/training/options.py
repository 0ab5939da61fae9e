"""Everything training can be told, with reasons beside the defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Real

from topicforge.errors import OptionError, did_you_mean

_SCHEDULES = ("constant", "step", "cosine")
_OPTIMISERS = ("adam", "deferred-adam", "lazy-adam")
_PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class TrainingOptions:
    """Options of the training loop.

    Args:
        epochs: passes over the documents.
        batch_size: documents a step.
        optimiser: ``adam``, which on the CPU keeps the first layer's gradient by rows where a batch can't
            have most words; ``deferred-adam``: the same to rounding, at a cost that follows the batch's
            words: in the encoder's first layer an absent word takes its steps when it next comes
            (:class:`~topicforge.training.deferred_adam.DeferredAdam`); ``lazy-adam``: a step moves
            only the words of the batch, which changes results
            (:class:`~topicforge.training.lazy_adam.LazyAdam`). Everything else, and an encoder whose
            first layer gives dense gradients, takes plain Adam.
        learning_rate: Adam's.
        beta1: Adam's first decay; ProdLDA and W-LDA use 0.99 against component collapse.
        adam_eps: Adam's epsilon.
        weight_decay: Adam's (coupled, as the papers').
        gradient_clip: largest norm of the whole gradient; 0 for none.
        lr_schedule: ``constant``; ``step``: times ``lr_decay`` every ``lr_decay_every`` epochs;
            ``cosine``: down to zero over all epochs.
        lr_decay: factor of ``step``.
        lr_decay_every: epochs between two steps.
        divergence_weight: weight of the divergence, before what ``regularisers`` make of it.
        reconstruction_scale: ``document``: nats a document; ``length``: divided by
            mean length x ln V, as W-LDA weighs it against the MMD.
        pretrain_epochs: epochs as an autoencoder before the divergence enters (VaDE).
        pretrain_learning_rate: Adam's in that phase; ``None`` for ``learning_rate``.
        validation_fraction: share of documents held out for early stopping.
        patience: epochs without a better held-out loss before training stops and the best
            weights come back; 0 never stops.
        accumulate: batches whose gradients are averaged before a step; a divergence that is not a
            mean over documents (MMD) still sees one batch at a time.
        precision: ``bfloat16`` computes the dense layers in bfloat16 (autocast); kernels, softmax,
            divergence and loss stay in float32, and so do the parameters.
        compile: run the network through ``torch.compile``: worth it for long training of deep
            encoders; the first steps take long, and its random numbers are the compiler's own.
    """

    epochs: int = 100
    batch_size: int = 200
    optimiser: str = "adam"
    learning_rate: float = 2e-3
    beta1: float = 0.9
    adam_eps: float = 1e-8
    weight_decay: float = 0.0
    gradient_clip: float = 0.0
    lr_schedule: str = "constant"
    lr_decay: float = 0.9
    lr_decay_every: int = 10
    divergence_weight: float = 1.0
    reconstruction_scale: str = "document"
    pretrain_epochs: int = 0
    pretrain_learning_rate: float | None = None
    validation_fraction: float = 0.0
    patience: int = 0
    accumulate: int = 1
    precision: str = "float32"
    compile: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            self._check_type(field.name, field.default)
        positive = (
            "batch_size",
            "learning_rate",
            "lr_decay",
            "lr_decay_every",
            "adam_eps",
            "accumulate",
        )
        for name in positive:
            self._require(getattr(self, name) > 0, name, "positive")
        if self.pretrain_learning_rate is not None:
            self._require(self.pretrain_learning_rate > 0, "pretrain_learning_rate", "positive")
        self._require(self.beta1 < 1, "beta1", "below 1")
        self._require(self.validation_fraction < 1, "validation_fraction", "below 1")
        self._require(self.lr_schedule in _SCHEDULES, "lr_schedule", f"one of {_SCHEDULES}")
        self._require(self.optimiser in _OPTIMISERS, "optimiser", f"one of {_OPTIMISERS}")
        self._require(self.precision in _PRECISIONS, "precision", f"one of {_PRECISIONS}")
        scales = ("document", "length")
        self._require(
            self.reconstruction_scale in scales, "reconstruction_scale", f"one of {scales}"
        )
        if self.patience and not self.validation_fraction:
            raise OptionError(
                f"TopicModel: patience={self.patience} needs held-out documents to watch; set "
                "validation_fraction, 0.1 say"
            )

    def _check_type(self, name: str, default: object) -> None:
        """Numbers where the default is a number, whole ones where it is whole."""
        value = getattr(self, name)
        if isinstance(default, bool):
            self._require(isinstance(value, bool), name, "True or False")
            return
        if isinstance(default, str) or (default is None and value is None):
            return
        kind, words = (
            (Integral, "a whole number") if isinstance(default, int) else (Real, "a number")
        )
        self._require(isinstance(value, kind) and not isinstance(value, bool), name, words)
        self._require(value >= 0, name, "at least 0")

    def _require(self, holds: bool, name: str, must: str) -> None:
        if not holds:
            value = getattr(self, name)
            known = {
                "lr_schedule": _SCHEDULES,
                "optimiser": _OPTIMISERS,
                "precision": _PRECISIONS,
            }.get(name)
            hint = did_you_mean(value, known) if known else ""
            raise OptionError(f"TopicModel: {name} must be {must}, got {value!r}.{hint}")
