"""What people ask about codes: the facts gathered, judged, kept, sealed, and who may ask."""
