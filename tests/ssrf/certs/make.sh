#!/bin/sh
# Makes the certificates of the SSRF suite. They are committed, so that the suite needs no openssl;
# run this only to change them. The keys guard nothing: the authority is trusted by nobody but the
# server that the suite starts.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cd "$work"

long_ago=20200101000000Z
far_off=21200101000000Z

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }

# sign NAME HASH START END EXTENSIONS [how]: `openssl ca`, since only it sets both dates.
sign() {
    name=$1 hash=$2 start=$3 end=$4 extensions=$5
    shift 5
    openssl req -new -key "$name.key" -subj "/CN=SSRF suite $name" -out "$name.csr"
    printf '%s\n' '[ca]' 'default_ca = suite' '[suite]' 'database = index' 'serial = number' \
        'new_certs_dir = .' 'policy = any' 'x509_extensions = given' 'unique_subject = no' \
        '[any]' 'commonName = supplied' '[given]' > conf
    printf "$extensions" >> conf
    : > index
    openssl ca -batch -config conf -rand_serial -md "$hash" -in "$name.csr" -notext \
        -startdate "$start" -enddate "$end" -out "$name.crt" "$@"
}

# leaf NAME HASH END SUBJECT_ALT_NAMES
leaf() {
    key "$1"
    sign "$1" "$2" "$long_ago" "$3" \
        "subjectAltName=$4\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n" \
        -cert ca.crt -keyfile ca.key
    cat "$1.crt" "$1.key" > "$here/$1.pem"
}

key ca
sign ca sha256 "$long_ago" "$far_off" \
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n" -selfsign -keyfile ca.key
cp ca.crt "$here/ca.pem"

leaf good sha256 "$far_off" "DNS:*.tls.example.com,IP:93.184.216.34"
leaf wrong-name sha256 "$far_off" "DNS:other.example.org"
leaf expired sha256 20210101000000Z "DNS:*.expired.example.com"
leaf sha1 sha1 "$far_off" "DNS:*.sha1.example.com"

key self-signed
sign self-signed sha256 "$long_ago" "$far_off" "subjectAltName=DNS:*.self-signed.example.com\n" \
    -selfsign -keyfile self-signed.key
cat self-signed.crt self-signed.key > "$here/self-signed.pem"
