"""An officer's scan and the promise that came with it: what was sent, told, sealed, and what shows it."""
