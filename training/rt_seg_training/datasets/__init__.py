"""Data sets of the offline half: read and check what people label, build it with TFDS, load it for training.

A source (folder or zip) is checked as a whole by `source`, written by a TFDS builder of its own layout
(`custom`, `camvid`), and read back with its labels by `loading`.
"""
