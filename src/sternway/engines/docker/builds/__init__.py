"""Images: what they are made from and by which builder, what the ledger calls them, names and copies of them."""
