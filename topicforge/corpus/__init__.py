"""Reading text and counts, and keeping them as a corpus folder.

Nothing here needs torch.
"""

from topicforge.corpus.counts import Counts
from topicforge.corpus.folder import Corpus
from topicforge.corpus.text import WordVectorizer, build_vocabulary_and_counts, vectorizer

__all__ = ["Corpus", "Counts", "WordVectorizer", "build_vocabulary_and_counts", "vectorizer"]
