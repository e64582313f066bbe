"""A configuration and files of the shape of siibra's own, small and made here.

The JSON files have the fields of the repository siibra-configurations: spaces, a parcellation with
lateralised regions, labelled maps in fragments per hemisphere, a statistical map per region. Files
are local paths, which siibra's providers take in the place of addresses.
"""

import json

import nibabel
import numpy as np

MNI = "minds/core/referencespace/v1.0.0/dafcffc5-4826-4bf1-8ff6-46b8a31ff8e2"
FSAVERAGE5 = "minds/core/referencespace/v1.0.0/tmp-fsaverage5"
JULICH = "minds/core/parcellationatlas/v1.0.0/94c1125b-b87e-45e4-901c-00daee7f2579-310"
AFFINE = np.array([[4.0, 0, 0, -90], [0, 4, 0, -126], [0, 0, 4, -72], [0, 0, 0, 1]])
SHAPE = (46, 56, 46)
AREAS = ("Area hOc1 (V1, 17, CalcS)", "Area 4a (PreCG)", "Area 3b (PostCG)")
# Labels as in the real maps: their numbers differ between the hemispheres.
LABELS = {"left": (8, 47, 51), "right": (51, 8, 3)}
N = 10_242


def mesh_file(path):
    """Write a mesh of fsaverage5's size; its shape does not matter."""
    points = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
    faces = np.arange(9999, dtype=np.int32).reshape(-1, 3)
    arrays = [
        nibabel.gifti.GiftiDataArray(points, intent="NIFTI_INTENT_POINTSET"),
        nibabel.gifti.GiftiDataArray(faces, intent="NIFTI_INTENT_TRIANGLE"),
    ]
    nibabel.save(nibabel.GiftiImage(darrays=arrays), path)
    return str(path)


def label_file(path, keys):
    """Write labels of vertices."""
    array = nibabel.gifti.GiftiDataArray(
        keys.astype(np.int32), intent="NIFTI_INTENT_LABEL", datatype="NIFTI_TYPE_INT32"
    )
    nibabel.save(nibabel.GiftiImage(darrays=[array]), path)
    return str(path)


def volume_file(path, values):
    """Write a volume in MNI152."""
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), path)
    return str(path)


def space(identifier, name, short, volumes=()):
    """Return a space of siibra-configurations."""
    return {
        "@id": identifier,
        "@type": "siibra/space/v0.0.1",
        "name": name,
        "shortName": short,
        "species": "homo sapiens",
        "ebrains": {"openminds/Species": "97c070c6-8e1f-4ee8-9d28-18c7945921dd"},
        "volumes": list(volumes),
    }


def volume(**providers):
    """Return a volume of siibra-configurations."""
    return {
        "@type": "siibra/volume/v0.0.1",
        "providers": {name.replace("_", "-"): where for name, where in providers.items()},
    }


def atlas_map(name, at, volumes, indices):
    """Return a map of siibra-configurations."""
    return {
        "@id": f"siibra-map-v0.0.1_{name}",
        "@type": "siibra/map/v0.0.1",
        "name": name,
        "space": {"@id": at},
        "parcellation": {"@id": JULICH},
        "volumes": volumes,
        "indices": indices,
    }


def vertex_labels(side):
    """Return areas of fsaverage5 vertices, -1 for none, the same left and right but mirrored."""
    areas = np.repeat([-1, 0, 1, 2], [1242, 3000, 3000, 3000])
    return areas if side == "left" else areas[::-1]


def voxel_labels(side):
    """Return areas of voxels of one hemisphere, -1 for none: thirds from back to front."""
    i, j, _ = np.indices(SHAPE)
    own = (AFFINE[0, 0] * i + AFFINE[0, 3] < 0) == (side == "left")
    return np.where(own, j * 3 // SHAPE[1], -1)


def labelled(areas, side):
    """Return labels of areas, 0 for none."""
    return np.array([*LABELS[side], 0])[areas]


def write_configuration(root):
    """Write everything below a folder, which SIIBRA_USE_CONFIGURATION may then name."""
    config = {"spaces": {}, "parcellations": {}, "maps": {}}
    sides = ("left", "right")
    meshes = {f"{s} hemisphere": mesh_file(root / f"{s}.white.gii") for s in sides}
    labels = {
        f"{s} hemisphere": label_file(root / f"{s}.label.gii", labelled(vertex_labels(s), s))
        for s in sides
    }
    volumes = {
        f"{s} hemisphere": volume_file(
            root / f"{s}.nii.gz", labelled(voxel_labels(s), s).astype(np.uint8)
        )
        for s in sides
    }
    template = volume(gii_mesh=meshes) | {"variant": "white matter"}
    config["spaces"]["fs5"] = space(FSAVERAGE5, "freesurfer fsaverage5", "fsaverage5", [template])
    config["spaces"]["mni"] = space(MNI, "MNI 152 ICBM 2009c Nonlinear Asymmetric", "ICBM 2009c")
    regions = [
        {"name": f"{s} hemisphere", "children": [{"name": f"{area} {s}"} for area in AREAS]}
        for s in sides
    ]
    config["parcellations"]["julich"] = {
        "@id": JULICH,
        "@type": "siibra/parcellation/v0.0.1",
        "name": "Julich-Brain Atlas, cytoarchitectonic maps (v3.1)",
        "shortName": "Julich-Brain 3.1",
        "species": "homo sapiens",
        "regions": regions,
        "@version": {"name": "3.1", "collectionName": "Julich-Brain", "deprecated": False},
    }
    indices = {
        f"{area} - {s} hemisphere": [{"volume": 0, "label": n, "fragment": f"{s} hemisphere"}]
        for s in sides
        for area, n in zip(AREAS, LABELS[s], strict=True)
    }
    config["maps"] |= {
        "fs5": atlas_map("fs5-labelled", FSAVERAGE5, [volume(gii_label=labels)], indices),
        "mni": atlas_map("mni-labelled", MNI, [volume(nii=volumes)], indices),
    }
    probabilities = [
        (voxel_labels(s) == k).astype(np.float32) * 0.8 for s in sides for k in range(len(AREAS))
    ]
    files = [volume_file(root / f"p{i}.nii.gz", p) for i, p in enumerate(probabilities)]
    single = {f"{area} {s}": [{"volume": i}] for i, (s, area) in enumerate(
        (s, area) for s in sides for area in AREAS
    )}  # fmt: skip
    config["maps"]["mni-continuous"] = atlas_map(
        "mni-continuous", MNI, [volume(nii=file) for file in files], single
    )
    for folder, entries in config.items():
        (root / folder).mkdir()
        for name, entry in entries.items():
            (root / folder / f"{name}.json").write_text(json.dumps(entry))
