"""The integrators behind one door: tensors in, tensors out."""
