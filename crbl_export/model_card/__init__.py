"""The page beside a model file that says what it is, how sure that is, and how to use it from any language."""
