"""Other people's published logs: read over HTTP or from a copied folder, and trusted only through the pin."""
