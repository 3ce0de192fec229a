"""The number formats of a model file, and what each needs beside the conversion."""
