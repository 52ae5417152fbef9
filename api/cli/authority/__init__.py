"""Commands of authorities: founding, and deciding together who is admitted."""
