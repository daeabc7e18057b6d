"""What keeps strangers out, and what they get instead."""
