"""Into the log: one writer takes signed statements, and its name stands under one history."""
