"""Built-in links: z -> log theta."""

from topicforge.links.linear_softmax import LinearSoftmaxLink
from topicforge.links.simplex import SimplexLink
from topicforge.links.softmax import SoftmaxLink

__all__ = ["LinearSoftmaxLink", "SimplexLink", "SoftmaxLink"]
