"""Render structures into channels of their own, and take some of them out of a radiograph."""

from napari_drr import DRR, convert, load_phantom

subject = load_phantom(spacing=4.0)
print(subject.structures.groupby("group").size())

drr = DRR(subject, sdd=1020.0, height=100, delx=4.0)
pose = convert(
    [[30.0, 0.0, 0.0]],
    [[0.0, 850.0, 0.0]],
    parameterization="euler_angles",
    convention="ZXY",
    degrees=True,
)

# By name, id or group. `structures=None` renders all that the labels hold.
image, names = drr.channels(pose, structures=["heart", "ribs"])
for name, channel in zip(names, image[0], strict=True):
    print(f"{name:14} covers {(channel > 0).float().mean():6.1%} of the image")

whole = drr(pose)
without_ribs = drr(pose, weights={"ribs": 0.0})
ribs = image[:, 1:].sum(dim=1, keepdim=True)

# What was taken out is what the ribs' channels hold, but for rounding.
difference = ((whole - ribs) - without_ribs).abs().max() / whole.max()
print(f"the sum of the parts differs from the whole by {difference:.0e} of its maximum")
