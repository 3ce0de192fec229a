"""The demo: pictures made by formula, and the whole line run on them."""
