"""Exhibits: a C library is not installed, not listed, broken, or the wrong one; a helper is; a program is."""

from __future__ import annotations

from pathlib import Path

from tests.checks import worlds
from tests.checks.museum.exhibit import NOBODY, PROBES, Exhibit
from tests.checks.worlds import overlay

LIBRARIES = worlds.libraries()


def packages_kept(world: Path, package: str, *folders: str) -> str:
    """Return shell commands that make an apt repository of this world, which has one installed Debian package.

    The repository's package is made of the installed files themselves, so no network is asked; and the package
    database knows no other, so that reading it takes no time.
    """
    desk = world.parent
    root, deb, admin = f"{desk}/repack", f"{desk}/repository/{package}.deb", f"{desk}/dpkg"
    fields = "Package: ${Package}\\nVersion: ${Version}\\nArchitecture: ${Architecture}\\nMaintainer: ${Maintainer}\\n"
    return f"""
mkdir -p {root}/DEBIAN {desk}/repository {desk}/lists/partial {desk}/archives/partial {admin}/info {admin}/updates
for path in $(dpkg -L {package}); do
    if [ -d "$path" ]; then path=$(readlink -f "$path"); mkdir -p "{root}$path"
    elif [ -e "$path" ]; then path=$(readlink -f "${{path%/*}}")/${{path##*/}}; cp -a "$path" "{root}$path"
    else continue
    fi
    [ "$path" = / ] || echo "$path" >> {admin}/info/{package}.list
done
dpkg-query -W -f='{fields}Description: of this machine\\n' {package} > {root}/DEBIAN/control
printf '#!/bin/sh\\nldconfig\\n' > {root}/DEBIAN/postinst
chmod 755 {root}/DEBIAN/postinst
dpkg-deb --build -Znone {root} {deb} >/dev/null
{{ cat {root}/DEBIAN/control; echo "Status: install ok installed"; }} > {admin}/status
{{ cat {root}/DEBIAN/control; echo "Filename: ./{package}.deb"; echo "Size: $(stat -c %s {deb})"
   echo "SHA256: $(sha256sum {deb} | cut -d' ' -f1)"; }} > {desk}/repository/Packages
{"".join(overlay(world, folder) for folder in ("/etc", LIBRARIES, "/usr/share", *folders))}
mount --bind {admin} /var/lib/dpkg
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d
mkdir /etc/apt/apt.conf.d
echo 'deb [trusted=yes] file:{desk}/repository ./' > /etc/apt/sources.list
cat > /etc/apt/apt.conf.d/world <<'END'
Dir::State::lists "{desk}/lists";
Dir::Cache::archives "{desk}/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "{desk}";
APT::Sandbox::User "root";
END
apt-get update -q >/dev/null
"""


def packages(world: Path, package: str, *folders: str) -> str:
    """Return shell commands that really purge a Debian package, which can be had again in this world."""
    gone = f"dpkg --purge --force-all {package} >/dev/null 2>&1; ldconfig\n"
    return packages_kept(world, package, *folders) + gone


def _unlisted(name: str) -> str:
    there, away = LIBRARIES, f"{LIBRARIES}/away.d"
    return f"mkdir {away}; mv {there}/{name}* {away}/; ldconfig; mv {away}/* {there}/; rmdir {away}\n"


def _stub(path: str) -> str:
    return f"printf '#!/bin/sh\\nexit 127\\n' > {path}\n"


EXHIBITS = (
    Exhibit(
        "libfuse2 is not installed",
        "host.libfuse2",
        "libfuse.so.2 is not installed",
        lambda w: packages(w, "libfuse2"),
        consequences=("image.fusepy", "mount.fusepy"),
        probes=True,
    ),
    Exhibit(
        "libfuse3 is not installed",
        "host.libfuse3",
        "libfuse3.so.3 or libfuse3.so.4 is not installed",
        lambda w: packages(w, "libfuse3-3"),
        consequences=("image.pyfuse3", "mount.pyfuse3"),
        probes=True,
    ),
    Exhibit(
        "libfuse2 is there, and ldconfig does not list it",
        "host.libfuse2",
        "libfuse.so.2 loads, but `ldconfig -p` does not list it",
        lambda w: overlay(w, LIBRARIES) + overlay(w, "/etc") + _unlisted("libfuse.so.2"),
        consequences=("image.fusepy", "mount.fusepy"),
        probes=True,
    ),
    Exhibit(
        "libfuse3 is there, and ldconfig does not list it",
        "host.libfuse3",
        "libfuse3.so.3 loads, but `ldconfig -p` does not list it",
        lambda w: overlay(w, LIBRARIES) + overlay(w, "/etc") + _unlisted("libfuse3.so.3"),
    ),
    Exhibit(
        "libfuse3 is cut off in the middle",
        "host.libfuse3",
        "libfuse3.so.3 is listed, and loading it ends the process",
        lambda w: packages_kept(w, "libfuse3-3") + f"truncate -s 20000 $(readlink -f {LIBRARIES}/libfuse3.so.3)\n",
        consequences=("image.pyfuse3", "mount.pyfuse3"),
        probes=True,
    ),
    Exhibit(
        "no fusermount3, asked by an ordinary user",
        "host.fusermount",
        "fusermount3 and fusermount are not on the PATH",
        lambda w: packages(w, "fuse3", "/usr/bin", "/usr/sbin", "/usr/lib"),
        user=NOBODY,
        consequences=("host.capabilities", *PROBES),
        probes=True,
    ),
    Exhibit(
        "no haproxy",
        "host.haproxy",
        "haproxy is not installed",
        lambda w: packages(w, "haproxy", "/usr/sbin", "/usr/bin", "/usr/lib", "/var/lib/haproxy"),
    ),
    Exhibit(
        "fusermount3 is a script that does nothing",
        "host.fusermount",
        "/usr/bin/fusermount3 does not work: exit code 127",
        lambda w: packages_kept(w, "fuse3", "/usr/bin", "/usr/sbin", "/usr/lib") + _stub("/usr/bin/fusermount3"),
    ),
)
