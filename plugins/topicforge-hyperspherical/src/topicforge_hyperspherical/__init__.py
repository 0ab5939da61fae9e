"""Topic models whose latent is a point on the unit sphere."""
