"""The audit of a home: the log as any auditor recomputes it, and what only its keeper has."""
