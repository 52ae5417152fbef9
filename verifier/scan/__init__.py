"""An officer's scan and the promise that came with it: what was sent, answered and sealed, and the evidence of it."""
