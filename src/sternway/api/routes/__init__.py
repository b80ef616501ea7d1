"""The routes of the contract, one module per noun, and Sternway's own."""
