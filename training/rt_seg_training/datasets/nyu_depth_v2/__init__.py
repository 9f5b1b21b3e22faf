"""The NYU-Depth-V2 data set, from its official file or from a prepared folder."""
