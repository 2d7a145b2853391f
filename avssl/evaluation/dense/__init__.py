"""Dense tasks: detection, segmentation, surface normals."""
