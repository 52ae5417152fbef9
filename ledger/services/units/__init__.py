"""The maker's side: serials from files, the segment built from them, and their labels."""
