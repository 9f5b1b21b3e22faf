"""The tools of the labelling window, each free of any window: pointer in, changes of the document out."""
