"""GS1 application identifiers (AIs): one table of their rules, and the checks that it names.

`table` holds the rules row by row and `lint` the checks of values. `rule` says what one AI requires of its value,
`pairs` what the AIs of one code require of each other. Links, element strings and brackets are all checked here and
nowhere else.
"""
