"""The custom data set: anybody's `rgb/` and `gt/` with a `labels.yaml`."""
