"""The command line, held to its contract, command by command."""
