"""The built-in dynamics: rules of training, one file each."""

from topicforge.dynamics.alternate import Alternate
from topicforge.dynamics.cyclical import Cyclical
from topicforge.dynamics.free_bits import FreeBits
from topicforge.dynamics.latent_noise import LatentNoise
from topicforge.dynamics.topic_decorrelation import TopicDecorrelation
from topicforge.dynamics.warm_up import WarmUp

__all__ = ["Alternate", "Cyclical", "FreeBits", "LatentNoise", "TopicDecorrelation", "WarmUp"]
