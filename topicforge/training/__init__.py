"""The loop, its options, its schedules, its randomness."""

from topicforge.training.batches import in_order, padded
from topicforge.training.documents import Documents
from topicforge.training.options import TrainingOptions
from topicforge.training.seeding import RandomState
from topicforge.training.trainer import Trainer
from topicforge.training.watchers import Watcher, resolve_callbacks

__all__ = [
    "Documents",
    "RandomState",
    "Trainer",
    "TrainingOptions",
    "Watcher",
    "in_order",
    "padded",
    "resolve_callbacks",
]
