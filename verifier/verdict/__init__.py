"""Facts in, verdict and reasons out."""
