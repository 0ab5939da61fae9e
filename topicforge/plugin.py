"""The one module a plugin author imports.

A plugin is a module named by an entry point of the group ``topicforge``. It says
``TOPICFORGE_API = 1`` and implements any of the hooks in :mod:`topicforge.registry.hookspecs`
as functions marked with :data:`hookimpl`.
"""

from topicforge import ops
from topicforge.api import API_VERSION as TOPICFORGE_API
from topicforge.api import hookimpl
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
    Rule,
    RuleSpec,
    Samples,
    Sides,
)
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

__all__ = [
    "TOPICFORGE_API",
    "Batch",
    "Callback",
    "ComponentSpec",
    "Context",
    "Decoder",
    "DiagonalNormal",
    "Dirichlet",
    "Distribution",
    "Divergence",
    "Encoder",
    "EpochReport",
    "FitStart",
    "InputError",
    "Latent",
    "Link",
    "LogisticNormal",
    "MixError",
    "NormalMixture",
    "OptionError",
    "Point",
    "PresetSpec",
    "Prior",
    "Rule",
    "RuleSpec",
    "Samples",
    "Sides",
    "TopicForgeError",
    "TrainingError",
    "hookimpl",
    "ops",
]
