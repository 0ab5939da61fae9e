"""The loop, its options, its schedules, its randomness."""

from topicforge.training.batches import in_order, of_rows, padded
from topicforge.training.checkpoint import Checkpoints
from topicforge.training.documents import Documents
from topicforge.training.options import TrainingOptions
from topicforge.training.processes import Processes, shared_seed
from topicforge.training.regularisers import Regularisers, Written, check_regularisers
from topicforge.training.seeding import RandomState
from topicforge.training.selection import Selection
from topicforge.training.trainer import Trainer
from topicforge.training.watchers import Watcher, resolve_callbacks

__all__ = [
    "Checkpoints",
    "Documents",
    "Processes",
    "RandomState",
    "Regularisers",
    "Selection",
    "Trainer",
    "TrainingOptions",
    "Watcher",
    "Written",
    "check_regularisers",
    "in_order",
    "of_rows",
    "padded",
    "resolve_callbacks",
    "shared_seed",
]
