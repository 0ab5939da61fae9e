"""Built-in encoders: sparse counts -> posterior."""

from topicforge.encoders.mlp import MlpEncoder
from topicforge.encoders.mlp_dirichlet import MlpDirichletEncoder
from topicforge.encoders.mlp_point import MlpPointEncoder
from topicforge.encoders.spectral import SpectralEncoder

__all__ = ["MlpDirichletEncoder", "MlpEncoder", "MlpPointEncoder", "SpectralEncoder"]
