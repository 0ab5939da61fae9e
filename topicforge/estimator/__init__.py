"""TopicModel, and the folders that it writes."""
