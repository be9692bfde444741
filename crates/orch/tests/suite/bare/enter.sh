# Goes into the root $1 as account $2, with $3 as umask, narrowed by $4; the rest is the command. Runs in namespaces that
# were made for it, as root.
set -eu
root=$1 account=$2 mask=$3 narrowed=$4
shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for home in root home/ann; do
    mount --bind -o ro "$ORCH_TEST_RUSTUP" "$root/$home/.rustup"
    mount --bind -o ro "$ORCH_TEST_CARGO" "$root/$home/.cargo/bin"
done
mount --bind -o ro "$ORCH_TEST_SOURCE" "$root/src"
cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
if [ "$account" = root ]; then home=/root id=0; else home=/home/ann id=1000; fi
umask "$mask"
set -- env -i HOME="$home" PATH="$home/.cargo/bin:/usr/local/bin:/usr/bin:/bin" LC_ALL=C.UTF-8 $ORCH_TEST_SET "$@"
# shellcheck disable=SC2086
exec narrow loopback -- setpriv --reuid $id --regid $id --clear-groups narrow $narrowed -- "$@"
