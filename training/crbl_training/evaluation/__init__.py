"""Evaluation of a model on labelled images: metrics with intervals, a threshold, and the report on both."""
