"""Data for training: labelled images on disk, prepared, augmented, compared for leakage and put into batches."""
