"""The training loop, its options, its schedules, its random numbers."""

from topicforge.training.batches import in_order, of_rows, padded
from topicforge.training.checkpoint import Checkpoints
from topicforge.training.documents import Documents
from topicforge.training.machine import machine
from topicforge.training.named import Named, Written, build_named, check_named
from topicforge.training.options import TrainingOptions
from topicforge.training.processes import Processes, shared_seed
from topicforge.training.seeding import RandomState, building
from topicforge.training.selection import Selection
from topicforge.training.trainer import Trainer

__all__ = [
    "Checkpoints",
    "Documents",
    "Named",
    "Processes",
    "RandomState",
    "Selection",
    "Trainer",
    "TrainingOptions",
    "Written",
    "build_named",
    "building",
    "check_named",
    "in_order",
    "machine",
    "of_rows",
    "padded",
    "shared_seed",
]
