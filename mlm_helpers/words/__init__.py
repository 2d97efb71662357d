"""Vocabulary, equations and sentences."""
