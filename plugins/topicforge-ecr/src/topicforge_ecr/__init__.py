"""Embedding-clustering regularised decoder for topicforge."""
