"""Results on disk, one file per format. All of them appear whole or not at all."""
