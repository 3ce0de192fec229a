"""What crbl-doctor finds out: what this machine can do for CRBL, what is wrong with it, and what mends that."""
