"""Write files whole or not at all, read TOML, and turn paths into text."""
