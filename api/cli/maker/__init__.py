"""Commands of makers: batches, serial files and labels."""
