"""The service's side of the protocol, in every dialect. Pure."""
