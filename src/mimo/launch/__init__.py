"""`mimo launch`: the command that starts an engine on MiMo's weights, from recipes that are data."""
