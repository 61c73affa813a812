#!/bin/sh
# mint.sh KEY.pem KID ORIGIN RECORDING LISTENER prints a link of five minutes. It needs OpenSSL 3.
set -eu
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
now=$(date +%s) file=$(mktemp)
head=$(printf '{"alg":"Ed25519","kid":"%s"}' "$2" | base64url)
claims=$(printf '{"aud":"%s","sub":"%s","lsn":"%s","iat":%d,"exp":%d,"jti":"%s"}' \
  "$3" "$4" "$5" "$now" "$((now + 300))" "$(openssl rand -hex 16)" | base64url)
printf '%s.%s' "$head" "$claims" > "$file"
printf '%s/p/%s.%s.%s\n' "$3" "$head" "$claims" "$(openssl pkeyutl -sign -rawin -inkey "$1" -in "$file" | base64url)"
rm -f "$file"
