//! `SSLRandomSeed`. OpenSSL seeds itself; what is configured is added to that.

use crate::apr::{Pool, time};
use crate::config::random::{RandomSeed, Source, When};
use crate::httpd::log::log;
use crate::httpd::{Conn, Server};
use crate::ossl::lib;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::RwLock;

/// Without a limit a source such as /dev/urandom would be read for ever.
const MOST: u64 = 16 * 1024 * 1024;

/// The sources for connections, of the configuration in force.
static CONNECT: RwLock<Vec<RandomSeed>> = RwLock::new(Vec::new());

/// Reads the sources for the start.
pub fn at_startup(main: Server<'_>, seeds: &[RandomSeed]) {
    seed(main, "Init: ", seeds, When::Startup);
}

/// Remembers the sources for connections, as long as the configuration.
pub fn keep_for_connections(pool: Pool<'_>, seeds: &[RandomSeed]) {
    struct Forget;
    impl Drop for Forget {
        fn drop(&mut self) {
            set(Vec::new());
        }
    }
    set(seeds.iter().filter(|seed| seed.when == When::Connect).cloned().collect());
    pool.keep(Forget);
}

fn set(seeds: Vec<RandomSeed>) {
    *CONNECT.write().unwrap_or_else(std::sync::PoisonError::into_inner) = seeds;
}

/// Reads the sources for a connection.
pub fn for_connection(conn: Conn<'_>, prefix: &str) {
    let seeds = CONNECT.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !seeds.is_empty() {
        seed(conn.base_server(), prefix, &seeds, When::Connect);
    }
}

fn seed(server: Server<'_>, prefix: &str, seeds: &[RandomSeed], when: When) {
    let total: usize = seeds.iter().filter(|seed| seed.when == when).map(feed).sum();
    if seeds.iter().any(|seed| seed.when == when) {
        log!(server, Trace2, "{prefix}Seeding PRNG with {total} bytes of entropy");
    }
    if !lib::is_seeded() {
        log!(server, Warn, "AH01990: {prefix}PRNG still contains insufficient entropy!");
    }
}

/// Adds what one source gives; one that cannot be read gives nothing.
fn feed(seed: &RandomSeed) -> usize {
    let limit = match seed.bytes {
        0 => MOST,
        bytes => bytes as u64,
    };
    let bytes = match &seed.source {
        Source::Builtin => builtin(),
        Source::File(path) => std::fs::File::open(path).map(|file| read(file, limit)).unwrap_or_default(),
        Source::Program(path) => run(path, seed.bytes, limit),
    };
    lib::add_entropy(&bytes);
    bytes.len()
}

/// Time and process, so that two processes differ, and what the kernel gives:
/// 144 bytes, which is what the C module counts.
fn builtin() -> Vec<u8> {
    let mut bytes = time::now().to_ne_bytes().to_vec();
    bytes.extend_from_slice(&u64::from(std::process::id()).to_ne_bytes());
    let mut kernel = [0_u8; 128];
    // Without an answer from there the library still seeds itself.
    let _ = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut kernel));
    bytes.extend_from_slice(&kernel);
    bytes
}

fn read(source: impl Read, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error counts.
    let _ = source.take(limit).read_to_end(&mut bytes);
    bytes
}

/// Runs a program with the number of bytes as its argument, in its own
/// directory and with no environment.
fn run(path: &Path, count: usize, limit: u64) -> Vec<u8> {
    let mut command = Command::new(path);
    command.arg(count.to_string()).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(dir) = path.parent() {
        command.current_dir(dir);
    }
    let Ok(mut child) = command.spawn() else { return Vec::new() };
    let bytes = child.stdout.take().map(|out| read(out, limit)).unwrap_or_default();
    // It may still want to write more; that is not wanted.
    let _ = child.kill();
    let _ = child.wait();
    bytes
}
