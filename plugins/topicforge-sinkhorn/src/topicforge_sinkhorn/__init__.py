"""Sinkhorn and sliced Wasserstein divergences for topicforge."""
