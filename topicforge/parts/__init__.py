"""The built-in parts, one file each, what they are made of, and the presets."""
