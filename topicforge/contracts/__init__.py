"""The contracts between the core and every component, built-in or third-party."""

from topicforge.contracts.batch import Batch
from topicforge.contracts.callback import Callback, EpochReport, FitStart
from topicforge.contracts.component import Component
from topicforge.contracts.context import Context
from topicforge.contracts.decoder import Decoder
from topicforge.contracts.divergence import Divergence, Pair, Rule, RuleSpec, Samples
from topicforge.contracts.encoder import Encoder
from topicforge.contracts.labeler import LabelerSpec, TopicSummary
from topicforge.contracts.latent import Latent
from topicforge.contracts.link import Link
from topicforge.contracts.prior import Prior
from topicforge.contracts.regulariser import Progress, Regulariser
from topicforge.contracts.spec import KINDS, ComponentSpec, EmbedderSpec, Kind, PresetSpec
from topicforge.contracts.start import StartData

__all__ = [
    "KINDS",
    "Batch",
    "Callback",
    "Component",
    "ComponentSpec",
    "Context",
    "Decoder",
    "Divergence",
    "EmbedderSpec",
    "Encoder",
    "EpochReport",
    "FitStart",
    "Kind",
    "LabelerSpec",
    "Latent",
    "Link",
    "Pair",
    "PresetSpec",
    "Prior",
    "Progress",
    "Regulariser",
    "Rule",
    "RuleSpec",
    "Samples",
    "StartData",
    "TopicSummary",
]
