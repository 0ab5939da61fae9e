"""The built-in regularisers: rules of training, one file each."""

from topicforge.parts.regularisers.alternate import Alternate
from topicforge.parts.regularisers.cyclical import Cyclical
from topicforge.parts.regularisers.distinct_topics import DistinctTopics
from topicforge.parts.regularisers.free_bits import FreeBits
from topicforge.parts.regularisers.latent_noise import LatentNoise
from topicforge.parts.regularisers.theta_noise import ThetaNoise
from topicforge.parts.regularisers.topic_decorrelation import TopicDecorrelation
from topicforge.parts.regularisers.warm_up import WarmUp

__all__ = [
    "Alternate",
    "Cyclical",
    "DistinctTopics",
    "FreeBits",
    "LatentNoise",
    "ThetaNoise",
    "TopicDecorrelation",
    "WarmUp",
]
