"""Write questions about a scene, and the reasoning that answers them."""
