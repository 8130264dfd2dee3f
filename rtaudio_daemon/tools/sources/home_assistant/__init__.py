"""Home Assistant: what is exposed to Assist, and the user's own actions; effects are checked."""
