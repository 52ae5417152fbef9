"""A whole log recomputed from its bytes, part by part."""
