"""On the maker's side: serials as they come in files, the segment built from them, and their labels."""
