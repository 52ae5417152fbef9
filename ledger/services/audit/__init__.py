"""The audit of a home: the log as any auditor recomputes it, and the files and rows that only its keeper has."""
