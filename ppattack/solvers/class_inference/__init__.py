"""What kind of thing an image shows, told without bringing it back."""
