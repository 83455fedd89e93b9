"""What is wrong with a pose, in words; torch is not imported for them."""

NO_HIT = (
    "No ray meets the CT between source and detector, so the image is empty: check the pose's "
    "angles and translation (mm; AP wants y > 0, PA y < 0) and the source-to-detector distance."
)
INSIDE = "The source lies inside the CT: move it farther from the isocenter."
