"""Small faults put into the package one by one: do the tests see them? `make mutants` runs it."""
