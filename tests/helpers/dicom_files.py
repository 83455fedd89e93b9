"""DICOM series written for the tests."""

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def write_series(
    folder, hu, affine, *, skip=(), names=None, uid=None, intercept=-1024, slope=1, **tags
):
    """Write one file per slice of `hu` (X, Y, Z); `affine` is RAS, as everywhere else.

    Args:
        folder: is made if need be.
        hu: Hounsfield units, integers.
        affine: may have shear along z, as a tilted gantry makes it.
        skip: slices to leave out.
        names: file names, one per slice.
        uid: SeriesInstanceUID.
        intercept: stored with `slope`, as scanners do.
        slope: see there.
        **tags: more elements, for every slice; callables take the slice's number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid()
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    paths = []
    for k in sorted(set(range(hu.shape[2])) - set(skip)):
        path = folder / (names[k] if names else f"{k:03d}.dcm")
        data = _slice(path, hu[:, :, k], lps, spacing, k)
        data.SeriesInstanceUID = uid
        stored = np.round((hu[:, :, k].T - intercept) / slope).astype(np.uint16)
        data.PixelData = stored.tobytes()
        data.RescaleIntercept, data.RescaleSlope = intercept, slope
        for tag, value in tags.items():
            setattr(data, tag, value(k) if callable(value) else value)
        data.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _slice(path, plane, lps, spacing, k):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.Modality, data.SeriesDescription = "CT", "Chest 2.5 B30f"
    data.StudyInstanceUID = data.FrameOfReferenceUID = "1.2.3"
    data.PatientName, data.PatientID, data.InstanceNumber = "Nobody", "0", k + 1
    data.Columns, data.Rows = plane.shape
    data.PixelSpacing = [float(spacing[1]), float(spacing[0])]
    data.ImageOrientationPatient = [
        *(lps[:3, 0] / spacing[0]).tolist(),
        *(lps[:3, 1] / spacing[1]).tolist(),
    ]
    data.ImagePositionPatient = (lps @ [0, 0, k, 1])[:3].round(6).tolist()
    data.SliceThickness = float(spacing[2])
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    return data
