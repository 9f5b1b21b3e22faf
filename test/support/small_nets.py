"""DDRNets with an eighth of the channels and a block a stage, for tests of what is done with a network.

Building, tracing, converting and quantising the real ones takes minutes, of which nothing is learned beyond what
test/training/nets and the exports of the shipped models show.
"""
import pytest

from rt_seg_training.nets import ddrnet


def shrink(patch: pytest.MonkeyPatch) -> None:
    """From now on all that is built of rt_seg_training.nets.ddrnet is small; names, inputs and outputs stay."""
    size = ddrnet._Size(4, 8, blocks=(1, 1, 1, 1))
    patch.setattr(ddrnet, "_Size", lambda *_, **__: size)
    patch.setattr(ddrnet, "PYRAMID_CHANNELS", 16)

