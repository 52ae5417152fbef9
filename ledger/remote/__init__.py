"""Logs kept by others, as they publish them: read over HTTP or from a copied folder, and believed only by the pin."""
