"""The page beside a model file: what the file is, how sure that is, and how to use it from any language."""
