"""The wiring: these modules and no others name concrete adapters."""
