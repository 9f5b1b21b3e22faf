"""How light may change an image: the ranges of `input_pipeline.light` and of `offline_augmentation.light`.

Light multiplies radiance, and a camera stores about the root of it: a factor g of light is g ** (1 / DISPLAY_GAMMA) of
the stored value. Lengths are shares of the image's longer side.
"""

from __future__ import annotations

DISPLAY_GAMMA = 2.2
SUN_RATIO = (1.5, 8.0)
"""Light in the sun over light in the shade. Outdoors it is about 5 to 10; indoors, blinds and lamps give less."""
SUN_WARMTH = 0.15
"""Largest share by which sunlight has more red and less blue than shade."""
EDGES = 5
"""Straight edges of a shadow or sun patch."""
EDGE_DISTANCE = (0.06, 0.6)
"""Of each edge from the middle of the patch."""
SOFTNESS = (0.001, 0.04)
"""Width of the half shadow: hard beside the thing that casts it, soft far from it."""
SLATS_SHARE = 0.25
"""Share of the patches that are cut into stripes: blinds, fences, twigs."""
SLATS = (3.0, 14.0)
"""Stripes along the image's longer side."""
SPOTS = 6
"""Most glints of an image."""
SPOT_RADIUS = (0.003, 0.02)
SPOT_STRENGTH = (0.6, 4.0)
"""Above 1 the middle of a glint is white."""
