"""What the model may do: tools, their sources, permissions, and the runner of calls."""
