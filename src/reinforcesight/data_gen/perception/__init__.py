"""Find objects, masks and depth in pictures, and compute positions in the camera frame."""
