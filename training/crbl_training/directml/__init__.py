"""Does torch-directml compute every operator of a training step itself, and rightly? Answered without a card."""
