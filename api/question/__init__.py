"""What a device told about one scan, and how it is understood."""
