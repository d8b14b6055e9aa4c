"""A fit's model as one ``.tflite`` file per variant, and what is to be known of each (paper, sections 2.2 and 3.4).

Nothing here imports TensorFlow: whoever only runs an exported file needs ``ai_edge_litert`` and numpy. What converts
and measures is in :mod:`~dslite.deployment.offer` (all variants through the gate), :mod:`~dslite.deployment.latency`,
:mod:`~dslite.deployment.memory` and :mod:`~dslite.deployment.conversion` (sizes, multiply-accumulates).
"""

from dslite.deployment.container import Card, read_card
from dslite.deployment.runtime import LiteModel
from dslite.deployment.streaming import Window, real_time_factor, stream

__all__ = ["Card", "LiteModel", "Window", "read_card", "real_time_factor", "stream"]
