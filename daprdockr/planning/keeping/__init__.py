"""What the node that has an instance does about its containers, and reports of them."""
