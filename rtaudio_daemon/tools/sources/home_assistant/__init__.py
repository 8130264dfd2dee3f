"""Home Assistant: what is exposed to Assist, and actions of one's own; done means seen."""
