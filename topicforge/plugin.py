"""The one module a plugin author imports.

A plugin is a module named by an entry point of the group ``topicforge``. It says
``TOPICFORGE_API = 1`` and has one function ``topicforge_register(register)``, marked with
:data:`hookimpl`, which calls ``register.prior("wide", WidePrior, summary=..., source=...)`` or the
method of another kind.

The number is written out, which is why it can't be imported under that name: a plugin has to say
what it was written for, not what it finds. :data:`API_VERSION` is what this topicforge offers.
"""

from topicforge import distributed, ops
from topicforge.contracts import (
    Batch,
    Callback,
    ComponentSpec,
    Context,
    Decoder,
    Divergence,
    Encoder,
    EpochReport,
    FitStart,
    Latent,
    Link,
    PresetSpec,
    Prior,
    Progress,
    Regulariser,
    Rule,
    Samples,
    Sides,
    options,
)
from topicforge.contracts.api import API_VERSION, hookimpl
from topicforge.distributions import (
    DiagonalNormal,
    Dirichlet,
    Distribution,
    LogisticNormal,
    NormalMixture,
    Point,
)
from topicforge.errors import (
    InputError,
    MixError,
    OptionError,
    TopicForgeError,
    TrainingError,
)
from topicforge.evaluation import MetricInput, MetricSpec, Score
from topicforge.parts.layers import Dropout, word_layer

__all__ = [
    "API_VERSION",
    "Batch",
    "Callback",
    "ComponentSpec",
    "Context",
    "Decoder",
    "DiagonalNormal",
    "Dirichlet",
    "Distribution",
    "Divergence",
    "Dropout",
    "Encoder",
    "EpochReport",
    "FitStart",
    "InputError",
    "Latent",
    "Link",
    "LogisticNormal",
    "MetricInput",
    "MetricSpec",
    "MixError",
    "NormalMixture",
    "OptionError",
    "Point",
    "PresetSpec",
    "Prior",
    "Progress",
    "Regulariser",
    "Rule",
    "Samples",
    "Score",
    "Sides",
    "TopicForgeError",
    "TrainingError",
    "distributed",
    "hookimpl",
    "ops",
    "options",
    "word_layer",
]
