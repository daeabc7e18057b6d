"""What happens when a workflow runs. One module per concern; start reading at nodes.py."""
