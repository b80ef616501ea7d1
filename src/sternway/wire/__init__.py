"""The API's types as plain dataclasses, shared by the server and the command line."""
