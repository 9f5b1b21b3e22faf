"""`learn`: from a recording of an object to a live model, by the tools of the other folders in their order."""
