"""What an image, a sound or a video is, and how one is fetched."""
