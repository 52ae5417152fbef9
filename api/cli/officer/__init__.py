"""Commands of officers: scanning, and what became of the receipts."""
