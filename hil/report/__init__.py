"""What is read after a run: its verdicts, and the page that shows them."""
