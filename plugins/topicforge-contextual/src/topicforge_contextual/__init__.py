"""Encoders over sentence embeddings for topicforge, and the embeddings."""

from topicforge_contextual.embeddings import embed, minilm, sentence_transformer

__all__ = ["embed", "minilm", "sentence_transformer"]
