"""What a log says: statements, entries, and the record that they are folded into."""
