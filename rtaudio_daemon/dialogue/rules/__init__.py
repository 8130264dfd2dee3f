"""How the conversation handles each input, by subject; see `Conversation`."""
