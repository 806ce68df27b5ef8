"""Questions about a scene, and the reasoning that answers them."""
