"""The head solved as the convex problem that it is: logistic regression on what the backbones give at the start."""
