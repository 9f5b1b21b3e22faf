"""The commands: one file per tool, with its parser, its messages and its exit codes."""
