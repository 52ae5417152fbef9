"""From a device's text to a code: GS1's rules, the forms of a code, and the faults of devices."""
