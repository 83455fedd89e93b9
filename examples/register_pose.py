"""Find the pose of a radiograph by gradient descent: 2-D/3-D registration in its simplest form."""

import torch

from napari_drr import DRR, convert, load_phantom
from napari_drr.metrics import DoubleGeodesicSE3, NormalizedCrossCorrelation2d

EULER = {"parameterization": "euler_angles", "convention": "ZXY"}
SDD = 1020.0

# Trilinear interpolation is smooth in the pose; Siddon's algorithm is exact, but jumps.
subject = load_phantom(spacing=6.0)
drr = DRR(subject, sdd=SDD, height=48, delx=8.0, renderer="trilinear")

true_pose = convert(torch.tensor([[0.3, 0.1, 0.0]]), torch.tensor([[0.0, 850.0, 0.0]]), **EULER)
target = drr(true_pose, n_points=100)

rotation = torch.tensor([[0.2, 0.15, 0.05]], requires_grad=True)  # radians
translation = torch.tensor([[15.0, 840.0, -10.0]], requires_grad=True)  # mm
optimizer = torch.optim.Adam(
    [{"params": [rotation], "lr": 0.01}, {"params": [translation], "lr": 4.0}]
)
similarity, distance = NormalizedCrossCorrelation2d(), DoubleGeodesicSE3(SDD)

errors = []
for step in range(40):
    pose = convert(rotation, translation, **EULER)
    loss = 1 - similarity(drr(pose, n_points=100), target).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    errors.append(distance(pose, true_pose)[2].item())
    if step % 5 == 0 or step == 39:
        print(f"step {step:2}: 1 - NCC = {loss.item():.4f}, pose off by {errors[-1]:5.1f} mm")
