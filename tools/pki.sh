# What the tools for certificates and keys share. It is read with `.` by a script that has set `tool` to its own name;
# it sets LC_ALL and the umask, and makes the private folder $scratch, which goes when the script ends.

LC_ALL=C
export LC_ALL
# Keys are never readable by others, not even while they are written.
umask 077
week=604800
failure_status=1
echo_off=no
scratch=$(mktemp -d)

clean_up() {
    [ $echo_off = no ] || stty echo </dev/tty
    rm -rf "$scratch" ${staging:+"$staging"}
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    printf "$tool: %s\n" "$@" >&2
    exit "$failure_status"
}

# Prints the head of the script.
head_of_script() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# Prints it for somebody who calls the script without arguments.
usage() {
    head_of_script >&2
    exit 2
}

# Ends a call with wrong arguments.
wrong() { # WHAT
    printf '%s: %s; %s -h explains it\n' "$tool" "$1" "$tool" >&2
    exit 2
}

case ${1:-} in -h | --help) head_of_script && exit 0 ;; esac

# Runs openssl quietly; its output is shown when it fails.
ossl() {
    openssl "$@" >"$scratch/log" 2>&1 </dev/null || {
        echo "$tool: 'openssl $*' failed:" >&2
        cat "$scratch/log" >&2
        exit "$failure_status"
    }
}

# --- Names and numbers: what passes here can stand in openssl's configuration -----------------------------------
is_dns_name() {
    local rest label
    rest=${1#\*.}
    case $rest in
    '' | .* | *. | *..* | -* | *- | *.-* | *-.* | *[!A-Za-z0-9._-]*) return 1 ;;
    *[!0-9.]*) ;;
    *) return 1 ;; # numbers alone are no host name
    esac
    # A wildcard stands for one label of somebody's domain, not for all of a top-level domain.
    [ "$rest" = "$1" ] || case $rest in *.*) ;; *) return 1 ;; esac
    [ ${#1} -le 253 ] && (
        IFS=.
        set -f
        for label in $rest; do [ ${#label} -le 63 ] || exit 1; done
    )
}

is_ipv4() {
    case $1 in *[!0-9.]* | .* | *. | *..*) return 1 ;; esac
    (
        IFS=.
        set -f
        set -- $1
        [ $# = 4 ] || exit 1
        for part in "$@"; do [ ${#part} -le 3 ] && [ "$part" -le 255 ] || exit 1; done
    )
}

# Whether openssl takes it is seen by asking openssl.
is_ipv6() {
    case $1 in
    *[!0-9A-Fa-f:.]*) return 1 ;;
    *:*:*) ;;
    *) return 1 ;;
    esac
    printf '[req]\nprompt = no\ndistinguished_name = dn\nreq_extensions = ext\n[dn]\nCN = x\n[ext]\nsubjectAltName = IP:%s\n' \
        "$1" >"$scratch/ipv6.cnf"
    [ -s "$scratch/ipv6.key" ] || ossl genpkey -algorithm ED25519 -out "$scratch/ipv6.key"
    openssl req -new -config "$scratch/ipv6.cnf" -key "$scratch/ipv6.key" -out /dev/null >/dev/null 2>&1 </dev/null
}

is_email() {
    case $1 in
    [A-Za-z0-9]*@*) ;;
    *) return 1 ;;
    esac
    case ${1%@*} in *[!A-Za-z0-9._+-]*) return 1 ;; esac
    case ${1##*@} in \**) return 1 ;; esac
    is_dns_name "${1##*@}"
}

# A value as openssl writes it in subjectAltName, DNS:... or IP:...
alternative_name() {
    if is_dns_name "$1"; then
        echo "DNS:$1"
    elif is_ipv4 "$1" || is_ipv6 "$1"; then
        echo "IP:$1"
    else
        return 1
    fi
}

# A list with commas or blanks between the names, as a list for subjectAltName.
alternative_names() { # LIST
    local list entry name
    case $1 in
    *[!A-Za-z0-9._:*,\ -]*)
        fail "only DNS names and IP addresses can be names of a server, with commas or blanks between them" \
            "(international names in their xn-- form)"
        ;;
    esac
    list=
    set -f
    for entry in $(printf '%s' "$1" | tr ',' ' '); do
        name=$(alternative_name "$entry") || fail "'$entry' is neither a DNS name nor an IP address"
        case ",$list," in *",$name,"*) ;; *) list=${list:+$list,}$name ;; esac
    done
    set +f
    printf '%s\n' "$list"
}

check_days() {
    case $1 in '' | *[!0-9]* | 0* | ??????*) fail "DAYS is a number from 1 to 99999" ;; esac
}

# Paths end up in lines for httpd's configuration and in openssl's arguments.
check_path() { # WHAT PATH
    case $2 in *[[:cntrl:]\"\\\$]*) fail "$1: a path with quotes, backslashes, dollar signs or control characters" ;; esac
}

# The same path, which no program takes for an option.
plain_path() {
    case $1 in
    -*) printf './%s\n' "$1" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# --- Pass phrases: from the environment, a file or the terminal, never an argument ---------------------------------
is_encrypted() {
    grep -q ENCRYPTED "$1" 2>/dev/null
}

read_silently() { # PROMPT
    printf '%s' "$1" >/dev/tty
    echo_off=yes
    stty -echo </dev/tty
    IFS= read -r phrase </dev/tty || phrase=
    stty echo </dev/tty
    echo_off=no
    echo >/dev/tty
}

ask() { # VARIABLE WHAT [twice]
    local phrase first
    (: </dev/tty) 2>/dev/null ||
        fail "$2 needs a pass phrase, and there is no terminal to ask: set $1 or ${1}_FILE in the environment"
    read_silently "Pass phrase of $2: "
    [ -n "$phrase" ] || fail "no pass phrase was given"
    if [ "${3:-}" = twice ]; then
        first=$phrase
        read_silently "Once more: "
        [ "$phrase" = "$first" ] || fail "the two pass phrases differ"
    fi
    # Only the children see the environment; nothing of it is in their arguments.
    export "$1=$phrase"
}

# Sets `source` to what openssl takes after -passin and the like, as VARIABLE and VARIABLE_FILE say.
pass_source() { # VARIABLE
    local phrase file
    eval "phrase=\${$1:-} file=\${${1}_FILE:-}"
    if [ -n "$file" ]; then
        [ -f "$file" ] && [ -r "$file" ] || fail "${1}_FILE: '$file' is no file that can be read"
        [ -n "$(head -n 1 -- "$file")" ] || fail "${1}_FILE: the first line of '$file' is empty"
        source=file:$file
    elif [ -n "$phrase" ]; then
        export "$1"
        source=env:$1
    else
        source=
    fi
}

# The same for a key that is there: asks when it is encrypted and nothing is set.
pass_source_of() { # VARIABLE KEY-FILE
    pass_source "$1"
    if [ -z "$source" ] && is_encrypted "$2"; then
        ask "$1" "$2"
        source=env:$1
    fi
    # Without a source openssl would ask the terminal by itself, for files that only look unencrypted.
    source=${source:-pass:}
}

# --- Keys and certificates -----------------------------------------------------------------------------------------
new_key() { # TYPE FILE [more arguments for openssl genpkey]
    local type file
    type=$1 file=$2
    shift 2
    case $type in
    rsa) ossl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 "$@" -out "$file" ;;
    ecdsa) ossl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "$@" -out "$file" ;;
    ed25519) ossl genpkey -algorithm ED25519 "$@" -out "$file" ;;
    esac
}

new_serial() {
    echo "0x01$(openssl rand -hex 15)"
}

# The extensions of a server's certificate, for a file or a section of openssl's configuration.
server_extensions() { # KEY-TYPE SUBJECT-ALT-NAMES
    local usage
    usage=digitalSignature
    case $1 in rsa*) usage=$usage,keyEncipherment ;; esac
    printf '%s\n' 'basicConstraints = critical, CA:FALSE' "keyUsage = critical, $usage" 'extendedKeyUsage = serverAuth' \
        'subjectKeyIdentifier = hash' "subjectAltName = $2"
}

authority_extensions() {
    printf '%s\n' 'basicConstraints = critical, CA:TRUE' 'keyUsage = critical, keyCertSign, cRLSign' \
        'subjectKeyIdentifier = hash'
}

# A self-signed authority for a key that is there.
new_root() { # KEY CERTIFICATE SUBJECT DAYS [more arguments for openssl req]
    local key certificate subject days
    key=$1 certificate=$2 subject=$3 days=$4
    shift 4
    printf '%s\n' '[req]' 'distinguished_name = dn' 'x509_extensions = ext' '[dn]' '[ext]' "$(authority_extensions)" \
        >"$scratch/root.cnf"
    ossl req -new -x509 -config "$scratch/root.cnf" -key "$key" -subj "$subject" -days "$days" \
        -set_serial "$(new_serial)" "$@" -out "$certificate"
}

# The public key, in the one form in which equal keys are equal bytes.
public_key_of_certificate() {
    openssl x509 -in "$1" -noout -pubkey 2>"$scratch/log" </dev/null | normal_public_key
}

public_key_of_key() { # FILE SOURCE
    openssl pkey -in "$1" -passin "$2" -pubout 2>"$scratch/log" </dev/null | normal_public_key
}

normal_public_key() {
    cat >"$scratch/public"
    [ -s "$scratch/public" ] || return 1
    # Only keys on curves have more than one form.
    openssl pkey -pubin -in "$scratch/public" -outform DER -ec_conv_form uncompressed -ec_param_enc named_curve 2>/dev/null |
        od -An -v -tx1 >"$scratch/normal"
    [ -s "$scratch/normal" ] || openssl pkey -pubin -in "$scratch/public" -outform DER 2>/dev/null | od -An -v -tx1 >"$scratch/normal"
    [ -s "$scratch/normal" ] && cat "$scratch/normal"
}

# Both are there, and belong together: 0. They do not: 1. One cannot be read: 2, and says so.
keys_match() { # CERTIFICATE KEY SOURCE
    of_certificate=$(public_key_of_certificate "$1") || {
        echo "$tool: $1: no certificate can be read from it" >&2
        return 2
    }
    of_key=$(public_key_of_key "$2" "$3") || {
        echo "$tool: $2: no private key can be read from it, or its pass phrase is another one" >&2
        return 2
    }
    [ "$of_certificate" = "$of_key" ] || return 1
}
