"""What the second paper adds (Chang et al., 2023): light networks that learn beside a graph of their files."""
