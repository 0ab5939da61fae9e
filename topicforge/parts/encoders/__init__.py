"""Built-in encoders: sparse counts -> posterior."""

from topicforge.parts.encoders.mlp import MlpEncoder
from topicforge.parts.encoders.mlp_dirichlet import MlpDirichletEncoder
from topicforge.parts.encoders.mlp_point import MlpPointEncoder
from topicforge.parts.encoders.spectral import SpectralEncoder

__all__ = ["MlpDirichletEncoder", "MlpEncoder", "MlpPointEncoder", "SpectralEncoder"]
