"""Pages for people: templates, and what fills them."""
