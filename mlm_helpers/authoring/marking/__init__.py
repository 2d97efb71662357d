"""From submissions to marks and pages."""
