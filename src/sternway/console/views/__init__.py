"""The pages and actions, by noun."""
