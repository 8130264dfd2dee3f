"""What each input of the conversation leads to, by subject; see `Conversation`."""
