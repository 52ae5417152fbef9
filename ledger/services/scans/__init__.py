"""Questions about codes: their facts are gathered, judged, kept and sealed; and the tokens of those who may ask."""
