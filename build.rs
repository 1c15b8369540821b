//! Finds httpd and OpenSSL, binds httpd's API, and sets what the linker needs.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cfgs that stand for a version of the httpd API: name, module magic number
/// (major, minor) that brought it, and what it gives.
const HTTPD_CFGS: &[(&str, u32, u32)] = &[
    // conn_rec and MPMs can wait for a socket (CONN_STATE_ASYNC_WAITIO).
    ("httpd_async_waitio", 20120211, 137),
];

/// Cfgs that stand for a version of OpenSSL: name and the first
/// OPENSSL_VERSION_NUMBER that has it.
const OPENSSL_CFGS: &[(&str, u64)] = &[("openssl_320", 0x3020_0000), ("openssl_350", 0x3050_0000)];

/// Cfgs that stand for parts of OpenSSL: name and the settings of its build
/// that leave the part out.
const OPENSSL_PARTS: &[(&str, &[&str])] = &[
    ("openssl_srp", &["OPENSSL_NO_SRP", "OPENSSL_NO_DEPRECATED_3_0"]),
    ("openssl_engine", &["OPENSSL_NO_ENGINE", "OPENSSL_NO_DEPRECATED_3_0"]),
];

/// The oldest OpenSSL this crate is written for.
const OPENSSL_OLDEST: u64 = 0x3000_0000;

fn main() {
    println!("cargo:rerun-if-changed=include");
    println!("cargo:rerun-if-env-changed=APXS");
    let httpd = Httpd::probe();
    let bindings = bind(&httpd);
    version_cfgs(&bindings);
    host_stand_ins(&bindings);
    link_arguments();
}

/// Where httpd's and APR's headers are.
struct Httpd {
    include_args: Vec<String>,
}

impl Httpd {
    fn probe() -> Self {
        let apxs = env::var("APXS").ok().or_else(|| {
            ["apxs", "apxs2"]
                .into_iter()
                .find(|name| output(name, &["-q", "INCLUDEDIR"]).is_some())
                .map(str::to_owned)
        });
        let Some(apxs) = apxs else {
            fail("apxs was not found: install apache2-dev (Debian) or set APXS to its path")
        };
        let Some(include) = output(&apxs, &["-q", "INCLUDEDIR"]) else {
            fail(&format!(
                "{apxs} -q INCLUDEDIR failed: is APXS the apxs of httpd 2.4? (Debian package apache2-dev)"
            ))
        };
        let mut include_args = vec![format!("-I{include}")];
        for tool in ["apr-1-config", "apu-1-config"] {
            let query =
                output(&apxs, &["-q", if tool.starts_with("apr") { "APR_CONFIG" } else { "APU_CONFIG" }]);
            let path = query.filter(|path| Path::new(path).exists()).unwrap_or_else(|| tool.to_owned());
            let Some(flags) = output(&path, &["--includes"]) else {
                fail(&format!(
                    "{path} was not found: install libapr1-dev and libaprutil1-dev (Debian, come with apache2-dev)"
                ))
            };
            include_args.extend(flags.split_whitespace().map(str::to_owned));
        }
        if let Some(flags) = output("apr-1-config", &["--cppflags"]) {
            include_args.extend(flags.split_whitespace().map(str::to_owned));
        }
        Self { include_args }
    }
}

/// Runs a probe and gives its trimmed standard output.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let out = Command::new(program).args(args).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

fn fail(message: &str) -> ! {
    println!("cargo:warning={message}");
    eprintln!("{message}");
    std::process::exit(1)
}

/// Writes `httpd.rs` and compiles the static inline functions of `shim.h`.
fn bind(httpd: &Httpd) -> String {
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let generated = bindgen::Builder::default()
        .header("include/wrapper.h")
        .clang_args(&httpd.include_args)
        .clang_arg("-Iinclude")
        .clang_args(env::var("DEP_OPENSSL_INCLUDE").map(|include| format!("-I{include}")))
        .allowlist_function("shim_.*")
        .allowlist_function("ap_.*")
        .allowlist_function("apr_(initialize|os_sock_get|pool|proc_fork|proc_other_child|palloc|pcalloc|pstr|bucket|brigade|table|array|os_file|dynamic_fn|optional_hook|socket_timeout|socket_recv|global_mutex|file|strerror|time|generate).*")
        .allowlist_type("apr_table_entry_t|ap_list_provider_names_t|module|command_rec|cmd_parms|conn_rec|request_rec|server_rec|process_rec|ap_filter_t|ap_filter_rec_t|apr_bucket.*|ap_socache.*|ap_expr.*|authz_.*|ap_log_handler.*|conn_state_.*|ssl_(HOOK|LINK)_.*|apr_proc_t|ap_LINK_process_connection_t|core_server_config|ap_directive_t")
        .allowlist_var("PROXY_CONF|(AP|APR|AUTHZ|APLOG|PROXYREQ|REMOTE|HTTP|M|OR|RSRC|EXEC|MODULE|SERVER|SHIM|AP_MPMQ|AP_MODE)_.*|OK|DECLINED|DONE|DEFAULT_LIMIT_BLANK_LINES|ap_server_conf|ap_conftree|ap_bucket_type_.*")
        .blocklist_function("ap_(rvputs|vrprintf|hook_vlog.*)|apr_pvsprintf|apr_brigade_v.*")
        .opaque_type("sockaddr.*|in6_addr|in_addr")
        .derive_default(false)
        .layout_tests(true)
        .generate_comments(false)
        .prepend_enum_name(false)
        .wrap_static_fns(true)
        .wrap_static_fns_path(out.join("shim"))
        .generate();
    let bindings = match generated {
        Ok(bindings) => bindings.to_string(),
        Err(error) => fail(&format!(
            "bindgen could not read httpd's headers (libclang comes with the Debian package libclang-dev): {error}"
        )),
    };
    std::fs::write(out.join("httpd.rs"), &bindings).expect("OUT_DIR can be written");
    let mut shim = cc::Build::new();
    shim.file(out.join("shim.c")).include("include").include(".").warnings(false);
    for flag in &httpd.include_args {
        shim.flag(flag);
    }
    shim.compile("mod_ssl_shim");
    bindings
}

/// Turns version numbers into cfgs, by the two tables above.
fn version_cfgs(bindings: &str) {
    let magic =
        (constant(bindings, "MODULE_MAGIC_NUMBER_MAJOR"), constant(bindings, "MODULE_MAGIC_NUMBER_MINOR"));
    for (name, major, minor) in HTTPD_CFGS {
        println!("cargo:rustc-check-cfg=cfg({name})");
        if magic.0 == *major && magic.1 >= *minor {
            println!("cargo:rustc-cfg={name}");
        }
    }
    let openssl = env::var("DEP_OPENSSL_VERSION_NUMBER")
        .ok()
        .and_then(|hex| u64::from_str_radix(&hex, 16).ok())
        .unwrap_or(0);
    if openssl < OPENSSL_OLDEST {
        fail("OpenSSL 3.0 or later is needed: install libssl-dev (Debian)")
    }
    openssl_text(openssl);
    openssl_parts();
    for (name, first) in OPENSSL_CFGS {
        println!("cargo:rustc-check-cfg=cfg({name})");
        if openssl >= *first {
            println!("cargo:rustc-cfg={name}");
        }
    }
}

/// Turns parts that OpenSSL can be built without into cfgs.
fn openssl_parts() {
    let absent = env::var("DEP_OPENSSL_CONF").unwrap_or_default();
    for (name, without) in OPENSSL_PARTS {
        println!("cargo:rustc-check-cfg=cfg({name})");
        if !absent.split(',').any(|part| without.contains(&part)) {
            println!("cargo:rustc-cfg={name}");
        }
    }
}

/// The version text of the OpenSSL headers, e.g. `OpenSSL 3.0.22 25 Aug 2026`,
/// and their number, for messages about a library that differs.
fn openssl_text(number: u64) {
    let include = env::var("DEP_OPENSSL_INCLUDE").unwrap_or_else(|_| "/usr/include".to_owned());
    let arch = output("gcc", &["-print-multiarch"]).unwrap_or_default();
    let header = [format!("{include}/openssl/opensslv.h"), format!("/usr/include/{arch}/openssl/opensslv.h")]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    let text = header
        .lines()
        .find_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("define OPENSSL_VERSION_TEXT \""))
        .map_or("OpenSSL", |rest| rest.trim_end_matches('"'));
    println!("cargo:rustc-env=MOD_SSL_OPENSSL_TEXT={text}");
    println!("cargo:rustc-env=MOD_SSL_OPENSSL_NUMBER={number}");
}

/// The value of an integer constant in bindgen's output; 0 when it is not there.
fn constant(bindings: &str, name: &str) -> u32 {
    let needle = format!("pub const {name}: u32 = ");
    bindings
        .find(&needle)
        .and_then(|at| bindings[at + needle.len()..].split(';').next())
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// Compiles a weak stand-in for every `ap_` function: unit tests link against
/// APR but not against httpd, and a test that reaches one of these must fail
/// loudly. They are weak, so that a test can bring one of its own.
fn host_stand_ins(bindings: &str) {
    let mut source = String::from("#include <stdio.h>\n#include <stdlib.h>\n");
    for line in bindings.lines().map(str::trim_start) {
        let written = if let Some(name) = declared(line, &["pub fn ap_"]) {
            writeln!(
                source,
                "__attribute__((weak)) void ap_{name}(void) {{ fputs(\"ap_{name} was called in a unit test\\n\", stderr); abort(); }}"
            )
        } else if let Some(name) = declared(line, &["pub static ap_", "pub static mut ap_"]) {
            writeln!(source, "__attribute__((weak)) char ap_{name}[256];")
        } else {
            Ok(())
        };
        written.expect("writing to a string cannot fail");
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let path = out.join("host_stand_ins.c");
    std::fs::write(&path, source).expect("OUT_DIR can be written");
    cc::Build::new().file(path).warnings(false).cargo_metadata(false).compile("mod_ssl_host");
    println!("cargo:rustc-link-search=native={}", out.display());
}

/// The name that a line of bindgen's output declares after one of `prefixes`.
fn declared<'l>(line: &'l str, prefixes: &[&str]) -> Option<&'l str> {
    let rest = prefixes.iter().find_map(|prefix| line.strip_prefix(prefix))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// `-z nodelete`: httpd unloads and reloads modules between its configuration
/// passes, and OpenSSL keeps pointers into this object.
fn link_arguments() {
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmod_ssl_rs.so");
}
