//! Directives about what may be negotiated.

use super::{Args, Complaint, Directive, Line, existing_dir, existing_file, row};
use crate::apr::pool::c_string;
use crate::config::cipher::{self, Family};
use crate::config::crypto_device;
use crate::config::dir::DirConfig;
use crate::config::legacy as legacy_words;
use crate::config::options::Dialect;
use crate::config::preset::Preset;
use crate::config::protocol::{self, Library};
use crate::config::server::{ConfCmd, Engine};
use crate::config::sni_policy::SniPolicy;
use crate::config::value::natural_number;
use crate::httpd::command::Arity::{Flag, One, OneOrTwo, Raw, Two};
use crate::httpd::command::Context::{AuthConfig, Directory, Global, Options, Server};
use crate::httpd::command::words;
use crate::httpd::log::log;
use crate::ossl::conf_cmd::{self, ValueKind};
use crate::ossl::device;

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLCipherSuite",
        OneOrTwo,
        AuthConfig,
        "the library's list, without aNULL, eNULL and EXP",
        c"Ciphers that may be negotiated, in OpenSSL's notation ('[SSL|TLSv1.3] XXX:...:XXX')",
        cipher_suite,
    ),
    row(
        c"SSLClientHelloVars",
        Flag,
        Server,
        "off",
        c"Whether the SSL_CLIENTHELLO_* variables have values ('on', 'off')",
        client_hello_vars,
    ),
    row(c"SSLCompression", Flag, Server, "off", c"Compression inside TLS ('on', 'off')", compression),
    row(
        c"SSLCryptoDevice",
        One,
        Global,
        "builtin",
        c"Engine that does the cryptography ('builtin', or the id of an engine)",
        crypto_device,
    ),
    row(c"SSLEngine", One, Server, "off", c"TLS for this server ('on', 'off')", engine),
    row(
        c"SSLFIPS",
        Flag,
        Global,
        "what the library is set to",
        c"FIPS mode of the library ('on', 'off')",
        fips,
    ),
    row(
        c"SSLHonorCipherOrder",
        Flag,
        Server,
        "off",
        c"Whether the server's order of ciphers counts, not the client's ('on', 'off')",
        honor_cipher_order,
    ),
    row(
        c"SSLInsecureRenegotiation",
        Flag,
        Server,
        "off",
        c"Renegotiation with clients that do not know RFC 5746 ('on', 'off')",
        insecure_renegotiation,
    ),
    row(
        c"SSLOpenSSLConfCmd",
        Two,
        Server,
        "none",
        c"OpenSSL configuration command ('command', 'value')",
        conf_cmd,
    ),
    row(
        c"SSLOptions",
        Raw,
        Options,
        "none",
        c"Options for a directory ('[+-]option[=value] ...')",
        options,
    ),
    row(
        c"SSLPolicy",
        One,
        Server,
        "none",
        c"Settings to start from, by Mozilla's guidelines ('modern', 'intermediate', 'old')",
        preset,
    ),
    row(
        c"SSLProtocol",
        Raw,
        Server,
        "all -SSLv3",
        c"Protocol versions that may be negotiated ('[+-][TLSv1|TLSv1.1|TLSv1.2|TLSv1.3|all] ...')",
        protocol,
    ),
    row(
        c"SSLRenegBufferSize",
        One,
        Directory,
        "131072",
        c"How much of a request's body is held while the client is asked for more ('N' bytes)",
        reneg_buffer_size,
    ),
    row(
        c"SSLStrictSNIVHostCheck",
        Flag,
        Server,
        "off",
        c"Whether name-based virtual hosts refuse clients without SNI ('on', 'off')",
        strict_sni,
    ),
    row(
        c"SSLVHostSNIPolicy",
        One,
        Global,
        "secure",
        c"What virtual hosts must share to serve each other's requests ('strict', 'secure', 'authonly', 'insecure')",
        sni_policy,
    ),
];

/// `SSLEngine`.
pub fn engine(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let engine = Engine::parse(&args.text(0)).ok_or("Argument must be On or Off")?;
    if engine == Engine::Optional {
        log!(line.parms.server(), Notice, "AH10510: 'SSLEngine optional' is no longer supported");
    }
    line.server.declared.borrow_mut().engine = Some(engine);
    Ok(())
}

/// `SSLProtocol`.
pub fn protocol(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let mut words = words(line.parms, args);
    let library = Library { ssl3: crate::ossl::lib::has_ssl3() };
    if line.is_legacy()
        && let Some(left) = legacy_words::without_gone(&words, library)
    {
        words = left;
        line.notice(&format!("SSL 2.0 and SSL 3.0 are gone, which leaves '{}'", words.join(" ")));
    }
    let (protocols, warnings) =
        protocol::parse(line.name, &words, library).map_err(|error| error.to_string())?;
    for warning in warnings {
        log!(line.parms.server(), Warn, "{warning}");
    }
    line.server.declared.borrow_mut().protocol = Some(protocols);
    Ok(())
}

/// `SSLPolicy`.
pub fn preset(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let preset = Preset::parse(&args.text(0)).map_err(|error| error.to_string())?;
    line.server.declared.borrow_mut().preset = Some(preset);
    Ok(())
}

/// `SSLCipherSuite`.
pub fn cipher_suite(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let second = args.word(1).map(|_| args.text(1));
    let (family, list) =
        cipher::parse(&args.text(0), second.as_deref()).map_err(|error| error.to_string())?;
    if line.parms.is_directory() {
        return match family {
            Family::UpToTls12 => {
                line.dir.set_cipher_suite(line.parms, &c_string(list));
                Ok(())
            }
            Family::Tls13 => Err("TLSv1.3 ciphers cannot be set inside a directory context".to_owned()),
        };
    }
    let mut declared = line.server.declared.borrow_mut();
    match family {
        Family::UpToTls12 => declared.cipher_suite = Some(list),
        Family::Tls13 => declared.cipher_suite_tls13 = Some(list),
    }
    Ok(())
}

/// `SSLRenegBufferSize`.
pub fn reneg_buffer_size(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let text = args.text(0);
    let size = natural_number(&text)
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| format!("Invalid size for {}: {text}", line.name))?;
    line.dir.set(DirConfig { reneg_buffer_size: Some(size), ..line.dir.get() });
    Ok(())
}

/// `SSLHonorCipherOrder`.
pub fn honor_cipher_order(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().honor_cipher_order = Some(args.is_on());
    Ok(())
}

/// `SSLCompression`.
pub fn compression(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    if args.is_on() && !crate::ossl::lib::has_compression() {
        return Err("This version of OpenSSL does not have any compression methods available, cannot enable SSLCompression.".to_owned());
    }
    line.server.declared.borrow_mut().compression = Some(args.is_on());
    Ok(())
}

/// `SSLInsecureRenegotiation`.
pub fn insecure_renegotiation(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().insecure_renegotiation = Some(args.is_on());
    Ok(())
}

/// `SSLStrictSNIVHostCheck`.
pub fn strict_sni(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().strict_sni_vhost_check = Some(args.is_on());
    Ok(())
}

/// `SSLClientHelloVars`.
pub fn client_hello_vars(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().client_hello_vars = Some(args.is_on());
    Ok(())
}

/// `SSLVHostSNIPolicy`.
pub fn sni_policy(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let policy = SniPolicy::parse(&args.text(0)).map_err(|error| error.to_string())?;
    line.server.global.borrow_mut().sni_policy = policy;
    Ok(())
}

/// `SSLCryptoDevice`.
pub fn crypto_device(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let device = crypto_device::parse(&args.text(0), &device::known()).map_err(|error| error.to_string())?;
    line.server.global.borrow_mut().crypto_device = device;
    Ok(())
}

/// `SSLFIPS`.
pub fn fips(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.global.borrow_mut().set_fips(args.is_on()).map_err(str::to_owned)
}

/// `SSLOptions`.
pub fn options(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let words = words(line.parms, args);
    let mut dir = line.dir.get();
    let dialect = if line.is_legacy() { Dialect::Legacy } else { Dialect::Current };
    let before = dir.options;
    dir.options.apply(&words, dialect).map_err(|error| error.to_string())?;
    // Only where today's words would have come to something else.
    let mut current = before;
    if current.apply(&words, Dialect::Current).is_err() || current != dir.options {
        line.notice("taken as a list of options, as in mod_ssl 2.8");
    }
    line.dir.set(dir);
    Ok(())
}

/// `SSLOpenSSLConfCmd`.
pub fn conf_cmd(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let name = args.text(0);
    let value = args.word(1).unwrap_or_default();
    let kind = conf_cmd::value_kind(&c_string(&name))
        .ok_or_else(|| format!("'{name}': invalid OpenSSL configuration command"))?;
    let value = match kind {
        ValueKind::File => existing_file(line, value)?.display().to_string(),
        ValueKind::Dir => existing_dir(line, value)?.display().to_string(),
        ValueKind::Text if name.eq_ignore_ascii_case("CipherString") => {
            cipher::restricted(&value.to_string_lossy())
        }
        ValueKind::Text => value.to_string_lossy().into_owned(),
    };
    line.server.declared.borrow_mut().openssl_conf_cmds.push(ConfCmd { name, value });
    Ok(())
}
