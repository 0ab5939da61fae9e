"""What a fitted model says of topics and documents, as tables of plain records."""

from topicforge.results.documents import DocumentRow, document_table, topic_documents
from topicforge.results.hierarchy import Merge, hierarchy
from topicforge.results.shares import ClassShare, TimeShare, topics_over_time, topics_per_class
from topicforge.results.similarity import correlation, similarity
from topicforge.results.table import Table
from topicforge.results.topics import (
    FoundTopic,
    TopicRow,
    Topics,
    find_topics,
    topic_table,
)

__all__ = [
    "ClassShare",
    "DocumentRow",
    "FoundTopic",
    "Merge",
    "Table",
    "TimeShare",
    "TopicRow",
    "Topics",
    "correlation",
    "document_table",
    "find_topics",
    "hierarchy",
    "similarity",
    "topic_documents",
    "topic_table",
    "topics_over_time",
    "topics_per_class",
]
