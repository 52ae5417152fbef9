"""Commands for running a part: keys, tokens, mirrors, witnesses, the demo."""
