//! Arguments of directives.

use super::nothing_queued;
use crate::config::cache_spec::CacheSpec;
use crate::config::cipher::{self, Family};
use crate::config::legacy;
use crate::config::options::{Dialect, IllegalOption, OptionSet, Options};
use crate::config::preset::Preset;
use crate::config::protocol::{self, Library, ProtocolError, Protocols};
use crate::config::random::{self, RandomSeedError, Words};
use crate::config::sni_policy::SniPolicy;
use crate::ossl::ctx::SslCtx;
use std::ffi::CString;

/// The words of a line. httpd takes quotes away, so a word may be empty.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// `SSLProtocol`: the last word about a version decides; SSL 3.0 is never in the set when the library lacks
/// it, and changes nothing else; the range that is negotiated is part of the set.
pub fn protocol_line(data: &[u8]) -> bool {
    let words = words(&String::from_utf8_lossy(data));
    let parse = |words: &[String], ssl3| protocol::parse("SSLProtocol", words, Library { ssl3 });
    let with = parse(&words, true);
    let without = parse(&words, false);
    for (answer, ssl3) in [(&with, true), (&without, false)] {
        let Ok((set, warnings)) = answer else { continue };
        assert!(ssl3 || !set.contains(Protocols::SSL3));
        assert!(warnings.len() < words.len());
        assert_eq!(parse(&[&words[..], &words[..]].concat(), ssl3).map(|(set, _)| set), Ok(*set));
        check_range(*set);
        let spelled: Vec<_> = set.names().split_terminator(", ").map(|name| format!("+{name}")).collect();
        assert_eq!(parse(&spelled, ssl3), Ok((*set, Vec::new())));
    }
    match (with, without) {
        (Ok((with, _)), Ok((without, _))) => {
            assert_eq!(with - Protocols::SSL3, without);
            true
        }
        (Ok(_), Err(error)) => {
            assert_eq!(error, ProtocolError::Ssl3);
            true
        }
        // SSL 3.0 may be what is complained about first.
        (Err(_), without) => {
            assert!(without.is_err());
            false
        }
    }
}

/// The range has both its ends and everything between them in the set, and ends where the set ends.
fn check_range(set: Protocols) {
    let Some((min, max)) = set.range() else {
        assert!(set.is_empty());
        return;
    };
    for (version, number) in Protocols::all().iter().zip(0x300..) {
        assert!(set.contains(version) || !(min..=max).contains(&number), "{set:?} {number:x}");
        assert!(!set.contains(version) || number <= max, "{set:?} {number:x}");
    }
}

/// `SSLOptions` in sections that lie in each other (a line `>` opens one): what holds in the innermost is
/// what all words in their order make of an empty set, in whatever order the sections are merged.
pub fn options_line(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let mut sections = vec![Options::default()];
    let mut expected = OptionSet::empty();
    for line in text.lines() {
        if line == ">" {
            sections.push(Options::default());
            continue;
        }
        let words = words(line);
        let applied =
            sections.last_mut().expect("there is one from the start").apply(&words, Dialect::Current);
        if let Err(IllegalOption(word)) = applied {
            assert_eq!(option(&word), None);
            return false;
        }
        expected = words.iter().fold(expected, |set, word| apply_word(set, word));
    }
    let inward = sections.iter().copied().reduce(Options::merge).unwrap_or_default();
    let outward = sections.into_iter().rev().reduce(|inner, outer| Options::merge(outer, inner));
    assert_eq!(inward.in_force(), expected);
    assert_eq!(outward.unwrap_or_default().in_force(), expected);
    assert_eq!(Options::merge(inward, Options::default()), inward);
    true
}

fn apply_word(set: OptionSet, full: &str) -> OptionSet {
    let (sign, word) = full.split_at_checked(1).unwrap_or(("", full));
    match sign {
        "+" => set | option(word).expect("a word that was accepted"),
        "-" => set - option(word).expect("a word that was accepted"),
        _ => option(full).expect("a word that was accepted"),
    }
}

fn option(word: &str) -> Option<OptionSet> {
    Some(match word.to_ascii_lowercase().as_str() {
        "stdenvvars" => OptionSet::STD_ENV_VARS,
        "exportcertdata" => OptionSet::EXPORT_CERT_DATA,
        "fakebasicauth" => OptionSet::FAKE_BASIC_AUTH,
        "strictrequire" => OptionSet::STRICT_REQUIRE,
        "optrenegotiate" => OptionSet::OPT_RENEGOTIATE,
        "legacydnstringformat" => OptionSet::LEGACY_DN_STRING_FORMAT,
        _ => return None,
    })
}

/// One line as `SSLCipherSuite`, `SSLSessionCache` and `SSLRandomSeed`.
pub fn directive_words(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let mut words = text.splitn(3, ' ');
    let (first, second, third) = (words.next().unwrap_or_default(), words.next(), words.next());
    session_cache(&text);
    words_of_old(&text);
    let seeded = random_seed(first, second.unwrap_or_default(), third);
    cipher_suite(first, second) || seeded
}

/// What the dialect of mod_ssl 2.8 is taken for is in today's.
fn words_of_old(text: &str) {
    if let Some(today) = legacy::shared_memory(text) {
        assert!(today.starts_with("shmcb") && legacy::shared_memory(&today).is_none());
    }
    if let Ok(mechanism) = legacy::mutex(text) {
        let folder = mechanism.split_once(':').map(|(_, folder)| folder);
        assert!(!mechanism.is_empty() && folder != Some(""), "{text:?} {mechanism:?}");
    }
    let library = Library { ssl3: false };
    if let Some(left) = legacy::without_gone(&words(text), library) {
        assert!(legacy::without_gone(&left, library).is_none());
    }
    for named in
        [SniPolicy::parse(text).map(SniPolicy::name).ok(), Preset::parse(text).map(Preset::name).ok()]
    {
        assert!(named.is_none_or(|name| name.eq_ignore_ascii_case(text)));
    }
}

/// Whatever the list says, OpenSSL takes no cipher from it without authentication or encryption.
fn cipher_suite(first: &str, second: Option<&str>) -> bool {
    thread_local! {
        static CTX: SslCtx = SslCtx::server().expect("a context");
    }
    let Ok((Family::UpToTls12, list)) = cipher::parse(first, second) else { return false };
    let Ok(list) = CString::new(list) else { return false };
    CTX.with(|ctx| {
        let accepted = ctx.set_cipher_list(&list).is_ok();
        nothing_queued("set_cipher_list");
        for name in ctx.cipher_names() {
            assert!(!name.starts_with("ADH-") && !name.starts_with("AECDH-"), "{list:?} allows {name}");
            assert!(!name.contains("NULL") && !name.starts_with("EXP"), "{list:?} allows {name}");
        }
        accepted
    })
}

/// Every argument but the two words names a provider, and its parts make up the argument.
fn session_cache(argument: &str) {
    let spec = CacheSpec::parse(argument);
    let spelled = match &spec {
        CacheSpec::Unset => String::new(),
        CacheSpec::None => "none".to_owned(),
        CacheSpec::NoneNotNull => "nonenotnull".to_owned(),
        CacheSpec::Provider { name, args: None } => name.clone(),
        CacheSpec::Provider { name, args: Some(args) } => format!("{name}:{args}"),
    };
    assert!(spelled.eq_ignore_ascii_case(argument), "{argument:?} {spec:?}");
    assert!(matches!(&spec, CacheSpec::Provider { .. }) || !argument.contains(':'));
    if let CacheSpec::Provider { name, .. } = &spec {
        assert!(!name.contains(':') && spec.gives_ids());
    }
}

/// A path is the source or what follows its prefix, and empty only for an empty source; a number of bytes
/// fits C's `int`, and is refused only if it is negative or there is nothing to limit.
fn random_seed(when: &str, source: &str, bytes: Option<&str>) -> bool {
    let words = match random::parse(when, source) {
        Ok((_, words)) => words,
        Err(RandomSeedError::Egd(_)) => {
            assert!(source.starts_with("egd:"));
            return false;
        }
        Err(_) => return false,
    };
    if let Words::File(path) | Words::Program(path) = &words {
        assert!(source.ends_with(path) && path.is_empty() == source.is_empty());
        assert!(matches!(source.len() - path.len(), 0 | 5));
    }
    match random::parse_bytes(&words, bytes) {
        Ok(count) => assert!(i32::try_from(count).is_ok()),
        Err(RandomSeedError::BytesForBuiltin) => assert_eq!(words, Words::Builtin),
        Err(error) => assert_eq!(error, RandomSeedError::Bytes),
    }
    true
}
