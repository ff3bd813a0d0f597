"""The command line: one verb per file; reads arguments, shows progress, prints."""
