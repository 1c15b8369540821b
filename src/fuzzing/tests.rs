//! Every target over its corpus and over mutations of that, the same ones each time.

use std::path::Path;

/// Reads the corpus of a target, in the order of its files' names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }

    /// Less than `end`; 0 for 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let (a, b) = (self.below(bytes.len()), self.below(bytes.len() + 1));
        let (from, to) = (a.min(b), a.max(b));
        match (self.below(6), bytes.get_mut(a)) {
            (0 | 1, Some(byte)) => *byte ^= 1 << self.below(8),
            (2, Some(byte)) => *byte = [0, 1, 0x7f, 0x80, 0xff, b' '][self.below(6)],
            (3, _) => bytes.truncate(b),
            (4, _) => drop(bytes.drain(from..to.min(from + 8))),
            _ => {
                let piece = other[self.below(other.len())..].iter().take(16).copied();
                bytes.splice(a..a, piece);
            }
        }
    }
}

/// Shows the input of a target that panics.
struct Shown<'i>(&'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input: b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// Runs a target. There must be good and bad inputs, or nothing would have been tested.
fn run(target: &str, rounds: usize, body: fn(&[u8]) -> bool) {
    let body = |input: &[u8]| {
        let shown = Shown(input);
        body(shown.0)
    };
    let corpus = corpus(target);
    let good = corpus.iter().filter(|input| body(input)).count();
    assert!(good > 0, "no file of the corpus is good");
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut bad = 0;
    for round in 0..rounds {
        let mut input = corpus[round % corpus.len()].clone();
        for _ in 0..=random.below(3) {
            let other = random.below(corpus.len());
            random.mutate(&mut input, &corpus[other]);
        }
        bad += usize::from(!body(&input));
    }
    assert!(bad > 0, "all mutations are good");
}

macro_rules! targets {
    ($($target:ident: $rounds:expr;)*) => {
        $(
            #[test]
            fn $target() {
                run(stringify!($target), $rounds, super::$target);
            }
        )*

        #[test]
        fn every_target_is_built_and_has_a_dictionary() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
            let targets = [$(stringify!($target)),*];
            for target in targets {
                let source = folder.join(format!("fuzz_targets/{target}.rs"));
                let source = std::fs::read_to_string(source).unwrap();
                assert!(source.contains(&format!("fuzzing::{target}(data)")), "{target}");
                assert!(folder.join(format!("dictionaries/{target}.dict")).exists(), "{target}");
            }
            let count = |name| std::fs::read_dir(folder.join(name)).unwrap().count();
            assert_eq!(count("fuzz_targets"), targets.len());
            assert_eq!(count("corpus"), targets.len());
        }
    };
}

targets! {
    alpn_offer: 2_000;
    alternative_names: 500;
    certificate_text: 400;
    client_hello: 2_000;
    credentials: 200;
    directive_words: 1_000;
    distinguished_name: 1_000;
    expression_value: 500;
    extension_list: 500;
    handshake: 300;
    ocsp_http: 2_000;
    ocsp_response: 1_000;
    options_line: 2_000;
    pass_phrase: 2_000;
    protocol_line: 2_000;
    sealed_record: 2_000;
    server_name: 2_000;
    session_binding: 2_000;
    session_der: 1_000;
    staple_file: 500;
    token_identifier: 2_000;
    variable_name: 4_000;
}
