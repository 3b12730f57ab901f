"""The tissue that a structure's name speaks of, as atlases and segmenters spell them."""

from __future__ import annotations

import re

from models.tissues import Mixture, Tissue

_RULES: tuple[tuple[str, int], ...] = (
    (r"^(background|air|clear label)$", Tissue.AIR),
    (r"gyrus|gyri", Tissue.GREY),
    (r"intervertebral|(^|_)discs?($|_)", Tissue.DISC),
    (r"cartilage", Tissue.CARTILAGE),
    (r"muscle|rectus|oblique|levator|trapezius|masseter|temporalis|pterygoid|gluteus|autochthon|psoas", Tissue.MUSCLE),
    (r"sternocleido|splenius|longissimus|semispinalis|longus|digastric|stylo|hyogloss|palat[oi]|tongue", Tissue.MUSCLE),
    (r"scalen|zygomaticus|nasalis|buccinator|constrictor|heart", Tissue.MUSCLE),
    (r"vein|vena|artery|aorta|carotid|jugular|cava|trunk|atrial_appendage|_iliac_", Tissue.BLOOD),
    (r"spinal_cord", Tissue.CORD),
    (r"spinal_canal|ventricle|aqueduct|sulcus|temporal_horn|csf|cerebrospinal|fissure", Tissue.CSF),
    (r"choroid_plexus|uvula|trachea_wall|mucosa", Tissue.MUCOSA),
    (r"trachea", Tissue.AIR),
    (r"eyeball|(^|_)eye($|_)", Tissue.EYE),
    (r"lung", Tissue.LUNG),
    (r"liver", Tissue.LIVER),
    (r"spleen", Tissue.SPLEEN),
    (r"renal_pelvis|ureter|bladder|cyst", Tissue.URINE),
    (r"kidney", Tissue.KIDNEY),
    (r"pancreas|adrenal|parotid|thyroid_gland|submandibular|lacrimal|hypophysis|pineal", Tissue.GLAND),
    (r"prostate", Tissue.PROSTATE),
    (r"stomach|colon|bowel|duodenum|ileum|(o?)esophagus|rectum", Tissue.BOWEL),
    (r"bone|skull|mandible|hyoid|clavic|sternum|scapula|humerus|femur|sacrum|coccyx|vertebra", Mixture.BONE),
    (r"^(pelvis|atlas|axis)$|(^|_)hip($|_)|cervical\d|thoracic\d|lumbar\d|rib(\d|_|$)", Mixture.BONE),
    (r"skin", Mixture.SCALP),
    (r"white_matter|callosum|commissure|fornix|peduncle|tract|chiasm|optic_nerve|capsule|lamina|pons", Tissue.WHITE),
    (r"midbrain|medulla|brachia|pellucid|(^|_)brain($|_)|infundibulum", Tissue.WHITE),
    (r"caudate|putamen|pallidus|accumbens|thalam|nucle(us|i)|pulvinar|geniculate|colliculus|nigra", Tissue.DEEP_GREY),
    (r"claustrum|mammill|amygdala|tuberal|habenula|septal", Tissue.DEEP_GREY),
    (r"cortex|lobule|lobe|cuneus|insula|pole|hippocamp|subiculum|_[ivx]+[abcft]*_(\w+_)?[vml]\d?$", Tissue.GREY),
    (r"operculum|limen|uncus|flocculus|vermis|tonsil|entorhinal|triangular_part|orbital_part|opercular", Tissue.GREY),
    (r"fat", Tissue.FAT),
)
"""Patterns in the order in which they are tried: a rectus muscle is no rectum, a vertebral artery no vertebra."""


def tissue_of(name: str) -> int | None:
    """Return the `Tissue` or `Mixture` of a structure called `name`, or None where the name says nothing."""
    spelled = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    for pattern, tissue in _RULES:
        if re.search(pattern, spelled):
            return int(tissue)
    return None
