"""The CT as a torchio subject: attenuation maps, structure names, a phantom."""
