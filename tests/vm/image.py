"""The virtual board's disk: Debian trixie with a kernel, the appliance's package, and the simulated hardware.

Made in parts, each kept until what it is made of changes: the system (mmdebstrap, from the network), the modules of the
devices that Debian's kernel lacks, the package, and from all of them the disk (``mkfs.ext4 -d``, without loop devices).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .caching import CannotBuild, CannotFetch, in_root, kept, key_of, tool

ROOT = Path(__file__).resolve().parents[2]
GUEST = Path(__file__).resolve().with_name("guest")

ARCHIVES = (
    "deb http://deb.debian.org/debian trixie main",
    "deb http://deb.debian.org/debian trixie-backports main",
    "deb http://deb.debian.org/debian-security trixie-security main",
)
CAMERAS = ("libcamera0.7", "libcamera-ipa", "python3-libcamera")
"""From backports: trixie's own has no virtual cameras."""
PACKAGES = (
    "alsa-utils", "ca-certificates", "dbus", "e2fsprogs", "initramfs-tools", "iproute2", "kmod", "linux-image-amd64",
    "openssh-server", "polkitd", "procps", "python3-jsonschema", "python3-piexif", "python3-prctl", "python3-tqdm",
    "systemd-sysv", "udev", "zstd", *(f"{name}/trixie-backports" for name in CAMERAS),
)  # fmt: skip
"""Beside what the appliance's own package depends on: a bootable system, the hands' tools, and what picamera2 imports."""

BUILDER = ("gcc", "libc6-dev", "linux-source-6.12", "make", "xz-utils", "v4l2loopback-source")
EPOCH = 1_700_000_000
"""The package's time here, the same for every commit, so that what has not changed need not be made again."""
SIZE_MB = 4096

_MODULES = r"""
cd /build
for file in drivers/gpio/gpio-sim.c kernel/irq/irq_sim.c; do
    tar -xJf /usr/src/linux-source-6.12.tar.xz --strip-components=3 "linux-source-6.12/$file"
done
# kernels do not export irq_to_desc() to modules; generic_handle_irq() does the same by number
sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq(irqnum)/' irq_sim.c
printf '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n' >> irq_sim.c
mkdir loopback
tar -xf /usr/src/v4l2loopback.tar.* -C loopback
loopback=$(dirname "$(find "$PWD/loopback" -name v4l2loopback.c)")
for folder in "$PWD" "$loopback"; do
    make -s -C /lib/modules/*/build M="$folder" modules
done
mv "$loopback/v4l2loopback.ko" .
"""

_SETTLE = """
rm -rf /etc/resolv.conf
depmod "$(ls /lib/modules)"
update-initramfs -u
dpkg --install /tmp/live-pusher.deb
systemctl enable ssh.service systemd-networkd.service board.service tone.service
mkdir -p /var/log/journal
passwd -d root
rm -rf /tmp/live-pusher.deb /usr/share/doc/* /usr/share/locale/* /var/cache/apt/*
"""


@dataclass(frozen=True)
class Image:
    """What QEMU boots; nothing of it is written to."""

    kernel: Path
    initrd: Path
    disk: Path
    key: Path
    """The hands' ssh key, made with the disk."""


def image() -> Image:
    """The board as these sources make it. Needs root, and the network for what is not kept. Raises CannotBuild."""
    package, depends = _package()
    system_key = key_of(1, ARCHIVES, PACKAGES, depends)
    system = kept("system", system_key, lambda folder: _system(folder, depends))
    modules = kept("modules", key_of(1, system_key, BUILDER, _MODULES, GUEST / "modules"),
                   lambda folder: _modules(folder, (system / "version").read_text()))  # fmt: skip
    wheels = kept("wheels", key_of(1, GUEST / "wheels.txt"), _wheels)
    key = key_of(
        1, _SETTLE, SIZE_MB, system.name, modules.name, wheels.name, package, GUEST / "files", GUEST / "python"
    )
    disk = kept("disk", key, lambda folder: _disk(folder, system, modules, wheels, package))
    return Image(disk / "vmlinuz", disk / "initrd.img", disk / "disk.img", disk / "key")


def _package() -> tuple[Path, str]:
    """The appliance's package, made by the same tool as everybody's, and what it depends on."""
    os.environ["SOURCE_DATE_EPOCH"] = str(EPOCH)
    made = ROOT / "appliance", ROOT / "systemd", ROOT / "image-build"
    try:
        folder = kept("package", key_of(1, EPOCH, ROOT / "CHANGELOG.md", *made), _build_package)
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]
    package = next(folder.glob("*.deb"))
    return package, tool("dpkg-deb", "--field", package, "Depends").strip()


def _build_package(folder: Path) -> None:
    build = ROOT / "image-build" / "build_deb.py"
    _fetch(
        sys.executable, build, "--release", "trixie", "--arch", "amd64", "--level", "0", "--out", folder, within_s=900
    )


def _fetch(*command: str | Path, within_s: float = 600) -> None:
    """Run something that brings things from the network. Raises CannotFetch when those could not be had, by its words."""
    try:
        tool(*command, within_s=within_s)
    except CannotBuild as error:
        said = str(error).lower()
        if any(
            word in said
            for word in ("unable to fetch", "could not resolve", "connection", "took longer", "no matching")
        ):
            raise CannotFetch(str(error)) from error
        raise


def _system(folder: Path, depends: str) -> None:
    _fetch(
        "mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={','.join(PACKAGES)}",
        f"--customize-hook=chroot \"$1\" apt-get satisfy -y -q --no-install-recommends '{depends}'",
        f"--customize-hook=ls \"$1/lib/modules\" > '{folder}/version'", "trixie", folder / "system.tar", *ARCHIVES,
        within_s=1200,
    )  # fmt: skip


def _modules(folder: Path, version: str) -> None:
    with tempfile.TemporaryDirectory(prefix="live-pusher-modules-") as scratch:
        root = Path(scratch) / "root"
        packages = ",".join((f"linux-headers-{version.strip()}", *BUILDER))
        _fetch(
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--include={packages}",
            "trixie",
            root,
            *ARCHIVES,
            within_s=900,
        )
        shutil.copytree(GUEST / "modules", root / "build")
        in_root(root, _MODULES)
        for module in (root / "build").glob("*.ko"):
            tool("strip", "--strip-debug", "-o", folder / module.name, module)


def _wheels(folder: Path) -> None:
    _fetch(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps", "--require-hashes",
        "--only-binary=:all:", "--python-version=3.13", "--implementation=cp", "--abi=cp313", "--abi=none",
        "--platform=manylinux_2_28_x86_64", "--platform=manylinux2014_x86_64", "--platform=any",
        "--requirement", GUEST / "wheels.txt", "--dest", folder,
    )  # fmt: skip


def _disk(folder: Path, system: Path, modules: Path, wheels: Path, package: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix="root-") as scratch:
        root = Path(scratch) / "root"
        root.mkdir()
        tool("tar", "-C", root, "-xf", system / "system.tar")
        version = (system / "version").read_text().strip()
        _lay(GUEST / "files", root)
        extra = root / "usr/lib/modules" / version / "updates"
        shutil.copytree(modules, extra)
        python = root / "usr/local/lib/python3.13/dist-packages"
        _lay(GUEST / "python", python)
        for wheel in wheels.glob("*.whl"):
            shutil.unpack_archive(wheel, python, "zip")
        shutil.copy(package, root / "tmp/live-pusher.deb")
        key = folder / "key"
        tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "the board's hands", "-f", key)
        (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
        shutil.copy(f"{key}.pub", root / "root/.ssh/authorized_keys")
        in_root(root, _SETTLE)
        shutil.copy(root / "boot" / f"vmlinuz-{version}", folder / "vmlinuz")
        shutil.copy(root / "boot" / f"initrd.img-{version}", folder / "initrd.img")
        disk = folder / "disk.img"
        with disk.open("wb") as empty:
            empty.truncate(SIZE_MB << 20)
        if not (root / "usr/bin/live-pusher").exists():
            raise CannotBuild("the package has not installed the appliance")
        tool("mkfs.ext4", "-q", "-O", "^metadata_csum_seed,^orphan_file", "-d", root, disk)
        tool("sh", "-c", 'rm -rf "$1"', "rm", root)  # faster than Python's


def _lay(source: Path, target: Path) -> None:
    """Put a folder's files into a system, with plain modes whatever the checkout's are."""
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            place.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
