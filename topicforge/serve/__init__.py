"""Theta over HTTP: texts or counts in, topic proportions, labels and top words out."""

from topicforge.serve.app import Limits, create_app
from topicforge.serve.models import Served

__all__ = ["Limits", "Served", "create_app"]
