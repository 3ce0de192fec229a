"""The demo: the public commands run on images made by formula, and what it shows of the result."""
