"""From depth and outlines to objects in the camera frame."""
