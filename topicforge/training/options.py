"""The settings of training, with the reasons beside the defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Real

from topicforge.errors import OptionError, did_you_mean

#: fields that TopicModel has parameters for, and those that are options of its ``optimiser``; all
#: others are entries of its ``training``
PARAMETERS = ("epochs", "batch_size", "learning_rate", "optimiser")
OPTIMISER = ("beta1", "eps", "weight_decay", "gradient_clip")

_CHOICES = {
    "optimiser": ("adam",),
    "learning_rate_schedule": ("constant", "step", "cosine"),
    "reconstruction_scale": ("document", "length"),
    "precision": ("float32", "bfloat16"),
}
_POSITIVE = (
    "batch_size", "learning_rate", "eps", "learning_rate_factor", "learning_rate_every",
    "pretrain_learning_rate", "accumulate",
)  # fmt: skip
_BELOW_ONE = ("beta1", "validation_fraction")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of the training loop.

    Args:
        epochs: passes over the documents.
        batch_size: documents per step.
        learning_rate: step size of the optimiser.
        optimiser: ``adam`` (Kingma and Ba 2015): torch's own; where a batch can have few of the words of
            the vocabulary, the rows of an encoder's first layer are stepped when their words next occur,
            which gives the same to rounding (:class:`~topicforge.training.adam.RowAdam`).
        beta1: Adam's decay of the first moment, in [0, 1); ProdLDA and W-LDA use 0.99 against component
            collapse.
        eps: Adam's epsilon, added to the root of the second moment.
        weight_decay: L2 penalty of all parameters, added to the gradient as in the papers.
        gradient_clip: largest norm of the whole gradient; 0 for no limit.
        learning_rate_schedule: ``constant``; ``step``: times ``learning_rate_factor`` every
            ``learning_rate_every`` epochs; ``cosine``: down to zero over all epochs.
        learning_rate_factor: factor of the ``step`` schedule.
        learning_rate_every: epochs between two steps of the ``step`` schedule.
        divergence_weight: weight of the divergence in the loss, before what regularisers make of it.
        reconstruction_scale: ``document``: nats per document; ``length``: divided by
            mean length x ln V, as W-LDA weighs it against the MMD.
        pretrain_epochs: epochs as an autoencoder before the divergence enters the loss (VaDE).
        pretrain_learning_rate: step size in those epochs; ``None`` for ``learning_rate``.
        validation_fraction: share of the documents that is held out for early stopping, in [0, 1).
        patience: epochs without a better loss of the held-out documents before training stops and the
            best weights are restored; 0 never stops.
        accumulate: batches whose gradients are averaged before a step; a divergence that is not a
            mean over documents (MMD) still sees one batch at a time.
        precision: ``float32``, or ``bfloat16``: dense layers are computed in bfloat16 (autocast);
            operators, softmax, divergence, loss and parameters stay in float32.
        compile: run the network through ``torch.compile``, which pays for long training of deep
            encoders; the first steps take long, and its random numbers are the compiler's own.

    Raises:
        OptionError: a value outside its domain.
    """

    epochs: int = 100
    batch_size: int = 200
    learning_rate: float = 2e-3
    optimiser: str = "adam"
    beta1: float = 0.9
    eps: float = 1e-8
    weight_decay: float = 0.0
    gradient_clip: float = 0.0
    learning_rate_schedule: str = "constant"
    learning_rate_factor: float = 0.9
    learning_rate_every: int = 10
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
            self._check(field.name, field.default)
        if self.patience and not self.validation_fraction:
            raise OptionError(
                f"TopicModel: {parameter('patience')}={self.patience} needs held-out documents; set "
                f"{parameter('validation_fraction')}, for example to 0.1"
            )

    def _check(self, name: str, default: object) -> None:
        """Numbers where the default is a number, whole numbers where it is whole."""
        value = getattr(self, name)
        if name in _CHOICES:
            known = _CHOICES[name]
            hint = did_you_mean(value, known)
            self._require(value in known, name, f"one of {', '.join(known)}", f".{hint}")
            return
        if isinstance(default, bool):
            self._require(isinstance(value, bool), name, "True or False")
            return
        if default is None and value is None:
            return
        kind, noun = (
            (Integral, "a whole number") if isinstance(default, int) else (Real, "a number")
        )
        self._require(isinstance(value, kind) and not isinstance(value, bool), name, noun)
        self._require(value >= 0, name, "at least 0")
        self._require(value > 0 or name not in _POSITIVE, name, "positive")
        self._require(value < 1 or name not in _BELOW_ONE, name, "below 1")

    def _require(self, holds: bool, name: str, must: str, hint: str = "") -> None:
        if not holds:
            raise OptionError(
                f"TopicModel: {parameter(name)} must be {must}, got {getattr(self, name)!r}{hint}"
            )


#: entries of TopicModel's ``training``
TRAINING = tuple(
    field.name for field in fields(TrainingOptions) if field.name not in (*PARAMETERS, *OPTIMISER)
)


def parameter(name: str) -> str:
    """Return a field's name among TopicModel's parameters: ``optimiser__beta1``, ``training__patience``."""
    if name in PARAMETERS:
        return name
    return f"optimiser__{name}" if name in OPTIMISER else f"training__{name}"
