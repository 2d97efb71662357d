"""The lecture's table from the public-use file of ECLS-K:2011."""
