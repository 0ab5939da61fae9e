"""Maximum mean discrepancy with inverse multiquadrics, streamed over pairs by a C++ operator."""

from topicforge_scatter_mmd.library import NATIVE, WHY
from topicforge_scatter_mmd.operator import imq_mmd
from topicforge_scatter_mmd.reference import imq_mmd as imq_mmd_reference

__all__ = ["NATIVE", "WHY", "imq_mmd", "imq_mmd_reference"]
