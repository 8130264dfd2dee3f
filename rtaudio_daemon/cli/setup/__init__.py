"""The first run: questions, each tested at once, and a commented configuration at the end."""
