"""Model files in less than single precision, and what each precision may cost."""
