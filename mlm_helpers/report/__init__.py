"""What a notebook shows and a paper prints."""
