"""Encoders over sentence embeddings for topicforge."""
