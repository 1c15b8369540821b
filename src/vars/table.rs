//! All variables: what `docs/variables.md` lists.

/// Which option puts a variable into the environment of programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// None is needed, on TLS connections.
    Always,
    /// `StdEnvVars`.
    Standard,
    /// `ExportCertData`.
    Certificates,
    /// It is looked up only.
    Never,
}

impl Export {
    /// The cell of the document.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Standard => "`StdEnvVars`",
            Self::Certificates => "`ExportCertData`",
            Self::Never => "",
        }
    }
}

/// A variable, or several with a number in their names.
#[derive(Debug)]
pub struct Row {
    /// The name; `_n` at its end stands for a number, `_x` for the name of an attribute.
    pub name: &'static str,
    /// How it is exported.
    pub export: Export,
    /// What it is.
    pub meaning: &'static str,
}

const fn row(name: &'static str, export: Export, meaning: &'static str) -> Row {
    Row { name, export, meaning }
}

use Export::{Always, Certificates, Never, Standard};

/// About the connection.
pub const CONNECTION: &[Row] = &[
    row("HTTPS", Always, "`on`; a lookup without TLS gives `off`"),
    row("SSL_TLS_SNI", Always, "host name of the SNI extension; control characters as `\\HH`"),
    row("SSL_PROTOCOL", Standard, "`TLSv1.3`, `TLSv1.2`, ..."),
    row("SSL_SESSION_ID", Standard, "id of the session, lower-case hexadecimal"),
    row("SSL_SESSION_RESUMED", Standard, "`Resumed` or `Initial`"),
    row("SSL_SECURE_RENEG", Standard, "whether the client knows RFC 5746: `true`, `false`"),
    row("SSL_CIPHER", Standard, "OpenSSL's name of the cipher"),
    row("SSL_CIPHER_EXPORT", Standard, "whether less than 56 bits are used: `true`, `false`"),
    row("SSL_CIPHER_USEKEYSIZE", Standard, "secret bits in use"),
    row("SSL_CIPHER_ALGKEYSIZE", Standard, "bits that the algorithm has"),
    row("SSL_COMPRESS_METHOD", Standard, "`NULL`, `DEFLATE`, `LZS`, `UNKNOWN`"),
    row("SSL_VERSION_INTERFACE", Standard, "`mod_ssl/2.4.71`: the httpd that this module was built for"),
    row("SSL_VERSION_LIBRARY", Standard, "`OpenSSL/3.0.19`: the library in use"),
    row("SSL_VERSION_LIBRARY_INTERFACE", Never, "the library that this module was built for"),
    row("SSL_SRP_USER", Standard, "who has logged in by TLS-SRP"),
    row("SSL_SRP_USERINFO", Standard, "what the verifier file says of that user"),
];

/// What the distribution's module does not tell of the connection.
pub const NEGOTIATED: &[Row] = &[
    row(
        "SSL_SHARED_CIPHERS",
        Never,
        "what client and server both allow, in the client's order: `A:B`; in TLS 1.2 empty on resumed connections",
    ),
    row(
        "SSL_HANDSHAKE_RTT",
        Never,
        "time of a round trip in the handshake, in microseconds; needs OpenSSL 3.2",
    ),
    row(
        "SSL_KEY_EXCHANGE_GROUP",
        Never,
        "group of the key exchange: `x25519`; empty without an elliptic curve or named group",
    ),
    row(
        "SSL_SERVER_SIGNATURE_SCHEME",
        Never,
        "how the server has signed the handshake: `ecdsa_secp256r1_sha256`; empty on resumed connections",
    ),
    row("SSL_CLIENT_SIGNATURE_SCHEME", Never, "how the client has, when it has a certificate"),
];

/// About both certificates; the name stands behind `SSL_SERVER_` and `SSL_CLIENT_`. The second way of export is the
/// client's.
pub const CERTIFICATE: &[(Row, Export)] = &[
    (row("M_VERSION", Standard, "version of the certificate: `3`"), Standard),
    (row("M_SERIAL", Standard, "serial number, upper-case hexadecimal, an even number of digits"), Standard),
    (
        row(
            "S_DN",
            Standard,
            "subject, in the form of RFC 2253 or, with `LegacyDNStringFormat`, `/C=DE/...`",
        ),
        Standard,
    ),
    (row("I_DN", Standard, "issuer, as above"), Standard),
    (row("S_DN_x", Standard, "the first attribute of a type in the subject"), Standard),
    (row("S_DN_x_n", Standard, "another one; `0` is the first"), Standard),
    (row("S_DN_x_n_RAW", Never, "the same in Latin-1, also without `_n`"), Never),
    (row("I_DN_x", Standard, "the first attribute of a type in the issuer"), Standard),
    (row("I_DN_x_n", Standard, "another one"), Standard),
    (row("I_DN_x_n_RAW", Never, "the same in Latin-1, also without `_n`"), Never),
    (row("SAN_Email_n", Standard, "alternative name: mail address; from 0"), Standard),
    (row("SAN_DNS_n", Standard, "alternative name: host name; from 0"), Standard),
    (row("SAN_OTHER_msUPN_n", Never, "alternative name: principal name of Microsoft; from 0"), Standard),
    (row("SAN_OTHER_dnsSRV_n", Standard, "alternative name: service name of RFC 4985; from 0"), Never),
    (row("V_START", Standard, "not valid before: `Nov 23 10:49:41 2027 GMT`"), Standard),
    (row("V_END", Standard, "not valid after"), Standard),
    (row("V_REMAIN", Never, "whole days up to that, never negative"), Standard),
    (row("A_SIG", Standard, "algorithm of the signature: `sha256WithRSAEncryption`"), Standard),
    (row("A_KEY", Standard, "algorithm of the key: `id-ecPublicKey`"), Standard),
    (
        row("CERT", Certificates, "the certificate in PEM; the client's is exported empty if there is none"),
        Certificates,
    ),
    (
        row("B64CERT", Never, "the certificate: DER in base64, one line. Not in the distribution's module"),
        Never,
    ),
];

/// The ClientHello, with `SSLClientHelloVars on`; not in the distribution's module.
pub const HELLO: &[Row] = &[
    row("SSL_CLIENTHELLO_VERSION", Never, "the version field: `0303` for TLS 1.3, too"),
    row("SSL_CLIENTHELLO_CIPHERS", Never, "cipher suites, four digits each"),
    row("SSL_CLIENTHELLO_EXTENSIONS", Never, "numbers of the extensions, four digits each"),
    row("SSL_CLIENTHELLO_GROUPS", Never, "groups for the key exchange, four digits each"),
    row("SSL_CLIENTHELLO_EC_FORMATS", Never, "formats of points, two digits each"),
    row("SSL_CLIENTHELLO_SIG_ALGOS", Never, "signature algorithms, four digits each"),
    row("SSL_CLIENTHELLO_ALPN", Never, "protocols, each behind its length"),
    row("SSL_CLIENTHELLO_VERSIONS", Never, "versions of the extension of TLS 1.3, four digits each"),
];

/// About the client's certificate alone.
pub const CLIENT: &[Row] = &[
    row("SSL_CLIENT_VERIFY", Standard, "`NONE`, `SUCCESS` or `FAILED:` and the reason"),
    row("SSL_CLIENT_VERIFY_ERRSTR", Never, "the reason alone. Not in the distribution's module"),
    row("SSL_CLIENT_CERT_RFC4523_CEA", Standard, "serial number and issuer, for a directory (RFC 4523)"),
    row(
        "SSL_CLIENT_CERT_CHAIN_n",
        Certificates,
        "what the client sent behind its certificate, PEM, from 0; not on resumed connections",
    ),
    row(
        "SSL_CLIENT_B64CERT_CHAIN_n",
        Never,
        "the same: DER in base64, one line. Not in the distribution's module",
    ),
];

/// About the request, or about nothing at all; without TLS too.
pub const OTHERS: &[Row] = &[
    row("HTTP_USER_AGENT", Never, "that header field of the request"),
    row("HTTP_REFERER", Never, "that header field"),
    row("HTTP_COOKIE", Never, "that header field"),
    row("HTTP_FORWARDED", Never, "that header field"),
    row("HTTP_HOST", Never, "that header field"),
    row("HTTP_PROXY_CONNECTION", Never, "that header field"),
    row("HTTP_ACCEPT", Never, "that header field"),
    row("HTTP:name", Never, "any header field"),
    row("REQUEST_METHOD", Never, "method"),
    row("REQUEST_SCHEME", Never, "`http` or `https`"),
    row("REQUEST_URI", Never, "path without the query"),
    row("REQUEST_FILENAME", Never, "file that the request is mapped to"),
    row("SCRIPT_FILENAME", Never, "the same"),
    row("REMOTE_ADDR", Never, "address of the client"),
    row("REMOTE_HOST", Never, "its name, or the address"),
    row("REMOTE_IDENT", Never, "what identd says"),
    row("REMOTE_USER", Never, "user that has been authenticated"),
    row("SERVER_ADMIN", Never, "address of the administrator"),
    row("SERVER_NAME", Never, "name of the server"),
    row("SERVER_PORT", Never, "its port"),
    row("SERVER_PROTOCOL", Never, "`HTTP/1.1`"),
    row("PATH_INFO", Never, "what follows the script in the path"),
    row("QUERY_STRING", Never, "query"),
    row("IS_SUBREQ", Never, "`true` in a subrequest, else `false`"),
    row("DOCUMENT_ROOT", Never, "folder of the pages"),
    row("AUTH_TYPE", Never, "`Basic`, ..."),
    row("THE_REQUEST", Never, "first line of the request"),
    row("ENV:name", Never, "note of the request, or variable of its environment or of the process"),
    row("SERVER_SOFTWARE", Never, "what the Server header says"),
    row("API_VERSION", Never, "module magic number of httpd"),
    row("TIME_YEAR", Never, "local time: four digits"),
    row("TIME_MON", Never, "two digits, as those that follow"),
    row("TIME_DAY", Never, "day"),
    row("TIME_HOUR", Never, "hour"),
    row("TIME_MIN", Never, "minute"),
    row("TIME_SEC", Never, "second"),
    row("TIME_WDAY", Never, "day of the week, `0` is Sunday"),
    row("TIME", Never, "`YYYYMMDDhhmmss`"),
];

/// What `%{name}c` logs.
pub const LEGACY: &[(&str, &str)] = &[
    ("version", "SSL_PROTOCOL"),
    ("cipher", "SSL_CIPHER"),
    ("subjectdn", "SSL_CLIENT_S_DN"),
    ("clientcert", "SSL_CLIENT_S_DN"),
    ("issuerdn", "SSL_CLIENT_I_DN"),
    ("cacert", "SSL_CLIENT_I_DN"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vars::name::{self, ATTRIBUTES, Variable};
    use std::fmt::Write as _;

    /// Names that a row stands for.
    fn examples(name: &str) -> Vec<String> {
        let numbered = name.replace("_n", "_3");
        if numbered.contains("_x") {
            return ATTRIBUTES.iter().map(|(word, _)| numbered.replace("_x", &format!("_{word}"))).collect();
        }
        vec![numbered]
    }

    fn all() -> Vec<String> {
        let sides = CERTIFICATE.iter().flat_map(|(row, _)| {
            ["SSL_SERVER_", "SSL_CLIENT_"].into_iter().map(|side| format!("{side}{}", row.name))
        });
        let others = [CONNECTION, NEGOTIATED, HELLO, CLIENT, OTHERS]
            .into_iter()
            .flatten()
            .map(|row| row.name.to_owned());
        others.chain(sides).collect()
    }

    #[test]
    fn every_row_is_a_variable() {
        for name in all() {
            for example in examples(&name) {
                assert!(name::parse(example.as_bytes()).is_some(), "{example}");
            }
        }
        for (old, new) in LEGACY {
            let legacy = name::legacy(old.as_bytes()).map(Variable::Connection);
            assert_eq!(legacy, name::parse(new.as_bytes()), "{old}");
        }
    }

    #[test]
    fn no_row_stands_twice() {
        let mut names = all();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    fn table(text: &mut String, title: &str, rows: &[Row]) {
        let _ = write!(text, "\n## {title}\n\n| Variable | Exported with | Value |\n|---|---|---|\n");
        for row in rows {
            let _ = writeln!(text, "| `{}` | {} | {} |", row.name, row.export.describe(), row.meaning);
        }
    }

    fn document() -> String {
        let mut text = String::from(
            "# Variables\n\nGenerated from the table in `src/vars/table.rs`; `UPDATE=1 cargo test document` writes it anew.\n\n\
             Programs, SSI and `%{NAME}e` see what `SSLOptions` exports. All variables can be looked up without that: in logs \
             with `%{NAME}x`, in mod_headers with `%{NAME}s`, in mod_rewrite and expressions with `%{SSL:NAME}`, those that begin \
             with `SSL_` in expressions also with `%{NAME}`, in mod_lua with `r:ssl_var_lookup(\"NAME\")`, and in other modules \
             with the optional function `ssl_var_lookup`. Streams of HTTP/2 see those of their connection. What has no value is \
             empty, `-` in a log, `(null)` in mod_headers, and not exported.\n\n\
             Names have no case, except for: the word behind `SSL_VERSION_`, the `S` and `I` of `S_DN` and `I_DN`, the names of \
             attributes, `msUPN`, `dnsSRV` and `RAW`. `_n` stands for a number.\n\n\
             Values are UTF-8. Control characters in those of certificates are written as `\\HH`, and a backslash is doubled. In a \
             log everything but plain ASCII is written as `\\xHH`.\n",
        );
        table(&mut text, "The connection", CONNECTION);
        table(&mut text, "What the handshake has negotiated", NEGOTIATED);
        text.push_str("\nNot in the distribution's module. Names of groups and schemes are IANA's. Names that belong to Encrypted Client Hello (`SSL_ECH_...`) have no value: OpenSSL up to 3.6 does not know it.\n");
        text.push_str("\n## Certificates\n\nEach behind `SSL_SERVER_` and `SSL_CLIENT_`.\n\n");
        text.push_str(
            "| Variable | Server's exported with | Client's exported with | Value |\n|---|---|---|---|\n",
        );
        for (row, client) in CERTIFICATE {
            let (server, client) = (row.export.describe(), client.describe());
            let _ = writeln!(text, "| `{}` | {server} | {client} | {} |", row.name, row.meaning);
        }
        let words: Vec<_> = ATTRIBUTES.iter().map(|(word, _)| format!("`{word}`")).collect();
        let _ = write!(
            text,
            "\nThe names of attributes (`_x`): {}; `SP` is another name of `ST` for lookups. Others are in `S_DN` and `I_DN` alone.\n",
            words.join(", ")
        );
        table(&mut text, "The client's certificate alone", CLIENT);
        table(&mut text, "The ClientHello", HELLO);
        text.push_str("\nLower-case hexadecimal, with `SSLClientHelloVars on` for the virtual host. Not in the distribution's module.\n");
        table(&mut text, "Requests and others", OTHERS);
        text.push_str("\n## `%{name}c` in logs\n\n| name | Variable |\n|---|---|\n");
        for (old, new) in LEGACY {
            let _ = writeln!(text, "| `{old}` | `{new}` |");
        }
        text.push_str("\n`errcode` and `errstr` are always `-`.\n");
        text
    }

    #[test]
    fn the_document_follows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/variables.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == document(), "docs/variables.md is out of date: UPDATE=1 cargo test document");
    }
}
