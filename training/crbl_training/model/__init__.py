"""The network, from padding to logit."""
