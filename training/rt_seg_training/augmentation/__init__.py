"""Growing a labelled set: new frames from those there are, with mask and depth carried along."""
