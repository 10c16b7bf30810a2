"""The chain of custody, walked and hashed again hop by hop."""
