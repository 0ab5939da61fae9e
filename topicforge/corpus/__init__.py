"""Reading text and counts, and keeping them as a corpus folder.

Nothing here needs torch.
"""

from topicforge.corpus.build import build_corpus
from topicforge.corpus.counts import Counts
from topicforge.corpus.folder import Corpus
from topicforge.corpus.formats import read_counts, read_texts
from topicforge.corpus.prune import prune
from topicforge.corpus.readers.matrices import CountFile
from topicforge.corpus.sharded import ShardedCounts
from topicforge.corpus.sidecars import read_labels, read_vocabulary
from topicforge.corpus.sources import SOURCES, Source
from topicforge.corpus.text import WordVectorizer, build_vocabulary_and_counts, vectorizer

__all__ = [
    "SOURCES",
    "Corpus",
    "CountFile",
    "Counts",
    "ShardedCounts",
    "Source",
    "WordVectorizer",
    "build_corpus",
    "build_vocabulary_and_counts",
    "prune",
    "read_counts",
    "read_labels",
    "read_texts",
    "read_vocabulary",
    "vectorizer",
]
