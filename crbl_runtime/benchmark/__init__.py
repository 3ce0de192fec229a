"""How fast model files run on this machine, provider by provider, and whether they compute rightly meanwhile."""
