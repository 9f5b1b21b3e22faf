"""The CamVid data set in the SegNet layout."""
