"""Labels of one frame carried to the others of a video by what their cells look like."""
