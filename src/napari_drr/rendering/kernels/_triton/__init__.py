"""The kernels in Triton: imported when one is launched, since not everyone has Triton."""
