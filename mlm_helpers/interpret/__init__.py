"""What a fit says: residuals, variance, probing, planning. Tables only."""
