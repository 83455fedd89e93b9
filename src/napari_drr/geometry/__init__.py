"""SE(3) poses, the detector and pinhole cameras, in millimetres."""
