/**
 * Resolver script: how a provider's machine keeps a resolver for each station with rules by name (station-names.ts), as words
 * of its router (system-disk.ts).
 *
 * Invariants
 * - A resolver whose text has changed, or is gone, is ended with whatever it has begun, before its sets are emptied: what it
 *   was told to allow by then is not allowed any more.
 * - One that has ended by itself is begun anew at the next look.
 */
import { RULES_SHARE } from "./ports.ts";

/** Needs `servers`, the name servers of the machine. Defines `resolvers`, which looks once, and `empty`, of a half of the sets. */
export const RESOLVERS = `names=/run/skerry/${RULES_SHARE}/names running=/run/skerry/names turn=0
rm -rf "$running"
mkdir "$running"
empty() {
  for at in "$running"/*.conf; do
    [ -e "$at" ] || continue
    for set in $(sed -n 's/^# sets //p' "$at"); do
      case $set in *"$1") nft flush set inet skerry "$set" ;; esac
    done
  done
}
resolvers() {
  for at in "$running"/*.conf; do
    [ -e "$at" ] || continue
    cmp -s "$at" "$names/\${at##*/}" && kill -0 "$(cat "$at.pid")" 2>/dev/null && continue
    kill -s KILL -- "-$(cat "$at.pid")" 2>/dev/null
    for set in $(sed -n 's/^# sets //p' "$at"); do nft flush set inet skerry "$set"; done
    rm "$at"
  done
  for at in "$names"/*.conf; do
    of=$running/\${at##*/}
    [ -e "$at" ] && [ ! -e "$of" ] || continue
    cp "$at" "$of.new"
    { grep -v '@$' "$of.new"; for one in $servers; do sed -n "s/@$/$one/p" "$of.new"; done; } >"$of.full"
    setsid dnsmasq --keep-in-foreground --log-facility=- --conf-file="$of.full" &
    echo $! >"$of.pid"
    mv "$of.new" "$of"
  done
}`;
