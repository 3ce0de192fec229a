"""From the bytes of an image file, or a PIL image, to RGB pixels."""
