"""Render one radiograph of a CT from Python, and save it with its recipe."""

from napari_drr import DRR, convert, load_phantom
from napari_drr.io.export import save_radiograph
from napari_drr.recipe import DetectorSettings, Recipe

# Of your own CT: read("ct.nii.gz", "labels.nii.gz"), or a DICOM folder.
subject = load_phantom(spacing=4.0)

# DiffDRR's way: a module, called with a pose. The source stands 850 mm in front of the patient.
drr = DRR(subject, sdd=1020.0, height=200, delx=2.0)
pose = convert(
    [[0.0, 0.0, 0.0]], [[0.0, 850.0, 0.0]], parameterization="euler_angles", convention="ZXY"
)
image = drr(pose)  # (batch, channel, height, width)

# A recipe is the same as plain values. It goes into the file, so that this can be rendered again.
recipe = Recipe(detector=DetectorSettings(source_to_detector=1020.0, height=200, width=200))
with_recipe = recipe.render(subject)  # attenuation in 1/mm, the recipe's default

print(save_radiograph("drr.tif", with_recipe[0, 0], recipe))  # line integrals
print(save_radiograph("drr.png", with_recipe[0, 0], recipe))  # as displayed
