"""A trained model as one file that runs without topicforge: counts to theta, with the words inside."""

from topicforge.export.formats import FORMATS
from topicforge.export.vectors import write_vectors
from topicforge.export.write import Exported, write_export

__all__ = ["FORMATS", "Exported", "write_export", "write_vectors"]
