"""One module per revision. Each goes up and down, and none is changed once it was released."""
