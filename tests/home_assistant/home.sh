#!/usr/bin/env bash
# A real Home Assistant for these tests, on this machine's loopback. For root on Debian: it lives in a
# Debian tree of its own, as it needs a newer Python than most systems have.
#
#   tests/home_assistant/home.sh up      build the tree once (about five minutes), start, set up; prints
#                                        what the tests need in their environment
#   tests/home_assistant/home.sh stop    stop Home Assistant only, as a restart begins
#   tests/home_assistant/home.sh start   start it again as it was, without waiting for it
#   tests/home_assistant/home.sh down    stop it, and undo the mounts
#
# Environment: HOME_VERSION (2026.11.0), HOME_PORT (9123), HOME_BROKER (9183: port of its MQTT broker),
# HOME_CACHE (~/.cache/rtaudio-home),
# DEBIAN_MIRROR, HOME_BINDS (folders of this machine that are needed inside, as one with wheels).
set -euo pipefail
version=${HOME_VERSION:-2026.11.0} port=${HOME_PORT:-9123} broker=${HOME_BROKER:-9183}
cache=${HOME_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rtaudio-home}
root=$cache/root pid_file=$cache/pid log=$cache/log broker_pid=$cache/broker.pid
here=$(cd "$(dirname "$0")" && pwd)

into=(chroot "$root" env -i PATH=/opt/ha/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
  SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt)

inside() { "${into[@]}" "$@"; }

bind() {
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
  mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
  for folder in ${HOME_BINDS:-}; do
    mkdir -p "$root$folder"
    mountpoint -q "$root$folder" || mount --bind "$folder" "$root$folder"
  done
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
}

build() {
  [ ! -e "$root/.complete-$version" ] || return 0
  mkdir -p "$cache"
  if [ ! -x "$root/usr/bin/python3" ]; then
    rm -rf "$root"
    # shellcheck disable=SC2086  # no mirror is no argument
    mmdebstrap -q --aptopt='Acquire::Check-Valid-Until "false"' --variant=minbase \
      --include=python3,python3-venv,python3-dev,ca-certificates,build-essential \
      forky "$root" ${DEBIAN_MIRROR:-}
  fi
  bind
  inside python3 -m venv /opt/ha
  inside pip install -q uv
  inside uv pip install -q --python /opt/ha/bin/python "homeassistant==$version"
  touch "$root/.complete-$version"
}

stop() {
  if [ -f "$pid_file" ]; then
    kill "$(cat "$pid_file")" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "$(cat "$pid_file")" 2>/dev/null || break
      sleep 0.2
    done
    rm -f "$pid_file"
  fi
}

start() {
  "${into[@]}" hass -c /cfg >> "$log" 2>&1 &
  echo $! > "$pid_file"
}

down() {
  stop
  if [ -f "$broker_pid" ]; then
    kill "$(cat "$broker_pid")" 2>/dev/null || true
    rm -f "$broker_pid"
  fi
  for folder in ${HOME_BINDS:-} /dev /proc; do
    ! mountpoint -q "$root$folder" || umount -l "$root$folder"
  done
}

up() {
  down
  build >&2
  bind
  rm -rf "$root/cfg"
  mkdir -p "$root/cfg" "$root/e2e"
  sed "s/PORT/$port/" "$here/configuration.yaml" > "$root/cfg/configuration.yaml"
  echo '[]' > "$root/cfg/automations.yaml"
  cp -r "$here/../../custom_components" "$root/cfg/"
  cp "$here/set_up_home.py" "$root/e2e/"
  : > "$log"
  PATH=$PATH:/usr/sbin mosquitto -p "$broker" > "$cache/broker.log" 2>&1 &
  echo $! > "$broker_pid"
  start
  for _ in $(seq 150); do
    ! curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$port/api/onboarding" 2>/dev/null || break
    kill -0 "$(cat "$pid_file")" || { tail "$log" >&2; exit 1; }
    sleep 1
  done
  inside /opt/ha/bin/python /e2e/set_up_home.py "http://127.0.0.1:$port" "$broker"
  echo "export HOME_CACHE=$cache HOME_PORT=$port"
}

case ${1:-} in
  up | stop | start | down) "$1" ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
