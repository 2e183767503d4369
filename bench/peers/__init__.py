"""What ours is measured against, written as fairly as we can."""
