"""What methods of picture and sound can do: tell pairs, find what sounds, retrieve across modalities."""
