#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# desktop.sh: to be sourced in the guest. What an init system and a login do before PipeWire can
# find a card: udev, D-Bus, and where a session keeps its sockets.
export SYSTEMD_IGNORE_CHROOT=1
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/run/user/0}"
export DBUS_SESSION_BUS_ADDRESS="unix:path=$XDG_RUNTIME_DIR/bus"
mkdir -p /run/udev /run/dbus "$XDG_RUNTIME_DIR"
dbus-uuidgen --ensure
/usr/lib/systemd/systemd-udevd --daemon 2>/dev/null
udevadm trigger --action=add
udevadm settle
dbus-daemon --system --fork
dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --fork
