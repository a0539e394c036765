"""The main job on a real recording, from clicks to pictures, to see what the program does."""
