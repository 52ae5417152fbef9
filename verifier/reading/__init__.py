"""From what a device sent to a code: GS1's rules, the forms a code takes, and the faults of devices."""
