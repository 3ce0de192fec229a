"""The demo: images made by formula, and the whole line run on them."""
