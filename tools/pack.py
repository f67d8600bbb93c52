"""Pack the built site into one ZIP that opens from disk: python tools/pack.py [SITE [ZIP]]"""

import re
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).parents[1]
NAME = "unstuck"  # the folder that unpacking makes
USELESS = re.compile(r"(^|/)\.|\.map$|^objects\.inv$")  # for tools; no page asks for them
WHEN = (1980, 1, 1, 0, 0, 0)  # the same site gives the same ZIP, byte for byte


def files(site):
    """The files of the site that its pages use, sorted. Images of earlier builds may lie beside them."""
    found = sorted(file for file in site.rglob("*") if file.is_file())
    texts = [file.read_text("utf-8") for file in found if file.suffix in (".html", ".css")]
    mentioned = set(re.findall(r"_images/([\w.-]+)", "\n".join(texts)))
    for file in found:
        name = file.relative_to(site).as_posix()
        if not USELESS.search(name) and (file.parent.name != "_images" or file.name in mentioned):
            yield name, file


def pack(site, target):
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for name, file in files(site):
            archive.writestr(ZipInfo(f"{NAME}/{name}", WHEN), file.read_bytes(), ZIP_DEFLATED)


def main(site=ROOT / "_build/html", target=ROOT / "_build/unstuck.zip"):
    site, target = Path(site), Path(target)
    if not (site / "index.html").is_file():
        sys.exit(f"{site} holds no built site: run make book first")
    pack(site, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB. Unpacked, {NAME}/index.html opens in a browser.")


if __name__ == "__main__":
    main(*sys.argv[1:])
