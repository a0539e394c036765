"""What the user works on: stacks and prompts, on disk and in memory. No torch, no napari."""
