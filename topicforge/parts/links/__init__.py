"""Built-in links: z -> log theta."""

from topicforge.parts.links.linear_softmax import LinearSoftmaxLink
from topicforge.parts.links.simplex import SimplexLink
from topicforge.parts.links.softmax import SoftmaxLink

__all__ = ["LinearSoftmaxLink", "SimplexLink", "SoftmaxLink"]
