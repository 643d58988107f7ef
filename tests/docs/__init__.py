"""The pages: their links, and what they say of the program."""
