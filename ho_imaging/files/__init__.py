"""Write files whole or not at all, read TOML, turn paths into text, and find the modules that lie in a package."""
