"""The fold of a log as bytes: what a record knows, in sorted tables that are searched where they lie.

`table` is one sorted map of fixed width, `stored_tree` an index tree over such a table, `layered` a dict above one,
`state` writes and reads all that a record knows, `saved_record` is the record that rests on it. Only values here: the
file, its authentication and its cadence are `ledger.storage.fold` and `ledger.services.record.folding`.
"""
