"""The stack of models: members, lines and weights."""
