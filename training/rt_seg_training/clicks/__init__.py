"""From clicks to the mask of a region: a small network of our own, its training, and models of the SAM kind."""
