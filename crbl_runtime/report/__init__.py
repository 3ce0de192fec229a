"""The pages that people look at: one HTML file each, which loads nothing and opens from disk."""
