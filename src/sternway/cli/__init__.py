"""The command line: `sternway`, installed as `convox` too."""
