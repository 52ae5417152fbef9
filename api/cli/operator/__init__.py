"""Commands of whoever runs a part: keys, tokens, mirrors, witnesses, the demo."""
