"""From a run folder to a model bundle: deployment networks, quantisation, accuracy guard, model card."""
