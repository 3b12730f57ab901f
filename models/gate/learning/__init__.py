"""Where the learned gate comes from: coarse images of heads and of what is none, training, and its error rates."""
