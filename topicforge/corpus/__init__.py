"""Reading text and counts, and keeping them as a corpus folder.

Nothing here needs torch; names arrive on first use, because scikit-learn takes a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topicforge.corpus.analyzer import Analyzer
    from topicforge.corpus.build import build_corpus
    from topicforge.corpus.counts import Counts
    from topicforge.corpus.folder import Corpus
    from topicforge.corpus.formats import READERS, read_counts, read_texts
    from topicforge.corpus.lines import read_lines
    from topicforge.corpus.pruning import Pruning, prune
    from topicforge.corpus.reader import CorpusSpec, CountTable, ReaderSpec, Reading
    from topicforge.corpus.sharded import ShardedCounts
    from topicforge.corpus.sources import CORPORA
    from topicforge.corpus.streaming.settings import Shards
    from topicforge.corpus.text import WordVectorizer, vectorizer
    from topicforge.corpus.words import read_vocabulary

_HOMES = {
    "analyzer": ("Analyzer",),
    "build": ("build_corpus",),
    "counts": ("Counts",),
    "folder": ("Corpus",),
    "formats": ("READERS", "read_counts", "read_texts"),
    "lines": ("read_lines",),
    "pruning": ("Pruning", "prune"),
    "reader": ("CorpusSpec", "CountTable", "ReaderSpec", "Reading"),
    "sharded": ("ShardedCounts",),
    "sources": ("CORPORA",),
    "streaming.settings": ("Shards",),
    "text": ("WordVectorizer", "vectorizer"),
    "words": ("read_vocabulary",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CORPORA",
    "READERS",
    "Analyzer",
    "Corpus",
    "CorpusSpec",
    "CountTable",
    "Counts",
    "Pruning",
    "ReaderSpec",
    "Reading",
    "ShardedCounts",
    "Shards",
    "WordVectorizer",
    "build_corpus",
    "prune",
    "read_counts",
    "read_lines",
    "read_texts",
    "read_vocabulary",
    "vectorizer",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(f"topicforge.corpus.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module 'topicforge.corpus' has no attribute {name!r}")
