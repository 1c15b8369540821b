use openssl::nid::Nid;

use super::make::*;
use super::pipe::{Pair, read, transfer};
use crate::ossl::conf_cmd;
use crate::ossl::ctx::{SslCtx, Verify, options};
use crate::ossl::ssl::{HandshakeState, Stopped};

#[test]
fn versions_and_kinds_of_keys() {
    for kind in KINDS {
        for (version, name) in [(TLS12, "TLSv1.2"), (TLS13, "TLSv1.3")] {
            let pair = Pair::new(&client(), &only(server(kind), version));
            assert_eq!(pair.server.handshake_state(), HandshakeState::Before);
            assert_eq!(pair.server.group(), None);
            pair.open();
            pair.talk();
            let what = format!("{kind:?} {name}");
            assert_eq!((pair.client.version_name(), pair.server.version()), (name, version), "{what}");
            assert_eq!(pair.server.is_tls13(), version == TLS13, "{what}");
            assert!(pair.server.is_established() && pair.client.is_established(), "{what}");
            let identity = identity(kind);
            let sent = pair.client.peer_certificate().unwrap();
            assert_eq!(sent.to_der().unwrap(), identity.cert.to_der().unwrap(), "{what}");
            let own = pair.server.certificate().unwrap();
            assert_eq!(own.to_der().unwrap(), identity.cert.to_der().unwrap(), "{what}");
            let names: Vec<String> = pair.client.peer_chain().iter().map(subject).collect();
            assert_eq!(names, ["default.test", "Authority"], "{what}");
            let cipher = pair.server.cipher().unwrap();
            assert_eq!(pair.client.cipher(), Some(cipher.clone()), "{what}");
            assert!(cipher.bits >= 128 && cipher.algorithm_bits >= cipher.bits, "{what} {cipher:?}");
            assert!(!pair.server.is_resumed() && pair.server.peer_certificate().is_none(), "{what}");
            assert!(pair.server.secure_renegotiation(), "{what}");
            assert_eq!(pair.server.group(), pair.client.group(), "{what}");
            assert_eq!(pair.server.session().unwrap().protocol_version(), version, "{what}");
        }
    }
}

fn all_kinds() -> SslCtx {
    let ctx = server(Kind::Rsa);
    for kind in [Kind::Ecdsa, Kind::Ed25519] {
        let identity = identity(kind);
        ctx.install(&identity.cert, &identity.key, &identity.chain).unwrap();
    }
    ctx
}

#[test]
fn the_client_decides_among_certificates() {
    let server = all_kinds();
    for (kind, signature) in [
        (Kind::Rsa, c"rsa_pss_rsae_sha256:RSA+SHA256"),
        (Kind::Ecdsa, c"ECDSA+SHA256"),
        (Kind::Ed25519, c"ed25519"),
    ] {
        for version in [TLS12, TLS13] {
            let client = only(client(), version);
            // The authority's signature is checked by name, too.
            let commands = [(c"SignatureAlgorithms", signature)];
            conf_cmd::apply(&client, commands.into_iter(), |_| {}).unwrap();
            let pair = Pair::new(&client, &server);
            pair.open();
            let sent = pair.client.peer_certificate().unwrap();
            assert_eq!(sent.to_der().unwrap(), identity(kind).cert.to_der().unwrap(), "{kind:?} {version:x}");
        }
    }
}

#[test]
fn nothing_in_common_is_refused_with_an_alert() {
    let strict = only(server(Kind::Ecdsa), TLS12);
    strict.set_cipher_list(c"ECDHE-ECDSA-AES256-GCM-SHA384").unwrap();
    let other = client();
    other.set_protocol_range(TLS12, TLS12).unwrap();
    other.set_cipher_list(c"ECDHE-ECDSA-AES128-GCM-SHA256").unwrap();
    for (client, server, here, there) in [
        (&other, &strict, "no shared cipher", "handshake failure"),
        (&only(client(), TLS13), &strict, "unsupported protocol", "protocol version"),
    ] {
        let (client, server) = Pair::new(client, server).shake();
        let (client, server) = (client.unwrap_err(), server.unwrap_err());
        assert_eq!(server.number(), 1);
        assert!(server.errors()[0].text.ends_with(here), "{server:?}");
        assert!(client.errors()[0].text.contains(there), "{client:?}");
    }
}

#[test]
fn a_byte_at_a_time() {
    for version in [TLS12, TLS13] {
        let pair = Pair::new(&client(), &only(server(Kind::Ecdsa), version));
        pair.up.step.set(1);
        pair.down.step.set(1);
        pair.open();
        pair.talk();
    }
}

#[test]
fn much_data_through_a_narrow_pipe() {
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    for version in [TLS12, TLS13] {
        let pair = Pair::new(&client(), &only(server(Kind::Ecdsa), version));
        pair.open();
        pair.talk();
        pair.up.room.set(1_000);
        pair.down.room.set(5_000);
        pair.down.step.set(700);
        assert!(transfer(&pair.client, &pair.server, &bytes) == bytes);
        assert!(transfer(&pair.server, &pair.client, &bytes) == bytes);
    }
}

#[test]
fn flights_are_flushed() {
    let pair = Pair::new(&client(), &only(server(Kind::Ecdsa), TLS13));
    pair.open();
    assert!(pair.up.flushes.get() >= 2, "{}", pair.up.flushes.get());
    assert!(pair.down.flushes.get() >= 1, "{}", pair.down.flushes.get());
}

#[test]
fn http_on_a_tls_port() {
    for (bytes, is_http, text) in [
        (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], true, "http request"),
        (b"HEAD / HTTP/1.1\r\n", true, "http request"),
        (b"POST /", true, "http request"),
        (b"PUT /x", true, "http request"),
        (b"CONNECT a:443 HTTP/1.1\r\n", false, "https proxy request"),
        (b"OPTIONS * HTTP/1.1\r\n", false, "wrong version number"),
        (b"get / HTTP/1.1\r\n", false, "wrong version number"),
        (b"\x00\x01\x02\x03\x04\x05\x06", false, "wrong version number"),
    ] {
        let pair = Pair::new(&client(), &server(Kind::Ecdsa));
        pair.up.put(bytes);
        let stopped = pair.server.accept().unwrap_err();
        assert!(stopped.errors()[0].text.ends_with(text), "{stopped:?}");
        assert_eq!(matches!(stopped, Stopped::HttpRequest(_)), is_http, "{stopped:?}");
        assert_eq!(stopped.number(), 1);
        // What was not read stays for others, and nothing is said to somebody who does not speak TLS.
        assert_eq!(pair.up.len(), bytes.len() - 5);
        assert_eq!(pair.down.len(), 0);
    }
    let pair = Pair::new(&client(), &server(Kind::Ecdsa));
    pair.up.put(b"HEAD");
    assert_eq!(pair.server.accept(), Err(Stopped::WantRead));
}

#[test]
fn plain_text_inside_a_connection_is_no_http_request() {
    let pair = Pair::new(&client(), &server(Kind::Ecdsa));
    pair.open();
    pair.up.put(b"GET / HTTP/1.1\r\n\r\n");
    let stopped = read(&pair.server).unwrap_err();
    assert!(matches!(stopped, Stopped::Library(_)), "{stopped:?}");
}

#[test]
fn the_end_of_the_transport_before_and_inside_a_handshake() {
    let whole = || {
        let pair = Pair::new(&client(), &server(Kind::Ecdsa));
        assert_eq!(pair.client.connect(), Err(Stopped::WantRead));
        pair.up.take()
    };
    for length in [0, 1, 5, 50, whole().len()] {
        for lenient in [true, false] {
            let ctx = server(Kind::Ecdsa);
            if !lenient {
                ctx.clear_options(options::IGNORE_UNEXPECTED_EOF);
            }
            let pair = Pair::new(&client(), &ctx);
            pair.up.put(&whole()[..length]);
            pair.up.ended.set(true);
            let stopped = pair.server.accept().unwrap_err();
            if lenient {
                assert_eq!(stopped, Stopped::Eof, "{length}");
            } else {
                assert!(stopped.is_unexpected_eof(), "{length} {stopped:?}");
            }
            assert!(pair.server.saw_eof());
        }
    }
}

#[test]
fn a_transport_that_fails() {
    let pair = Pair::new(&client(), &server(Kind::Ecdsa));
    pair.up.broken.set(true);
    assert_eq!(pair.server.accept(), Err(Stopped::Io));
    assert_eq!(pair.client.connect(), Err(Stopped::Io));
    let pair = Pair::new(&client(), &server(Kind::Ecdsa));
    pair.open();
    pair.down.broken.set(true);
    assert_eq!(pair.server.write(b"answer"), Err(Stopped::Io));
    // The other direction is not harmed.
    assert_eq!(transfer(&pair.client, &pair.server, b"question"), b"question");
}

#[test]
fn an_error_left_by_somebody_else_is_not_taken_for_ours() {
    let pair = Pair::new(&client(), &server(Kind::Ecdsa));
    pair.open();
    let leave_error = || {
        // SAFETY: begins a new entry of this thread's queue.
        unsafe { openssl_sys::ERR_new() };
        // SAFETY: completes it, without a text.
        unsafe { openssl_sys::ERR_set_error(20, 156, std::ptr::null()) };
    };
    leave_error();
    assert_eq!(read(&pair.server), Err(Stopped::WantRead));
    leave_error();
    pair.up.ended.set(true);
    assert_eq!(read(&pair.server), Err(Stopped::Eof));
}

#[test]
fn peeking_takes_nothing_away() {
    let pair = Pair::new(&client(), &server(Kind::Ecdsa));
    pair.open();
    pair.client.write(b"question").unwrap();
    assert!(!pair.server.has_pending());
    let mut buffer = [std::mem::MaybeUninit::uninit(); 3];
    assert_eq!(pair.server.peek(&mut buffer), Ok(3));
    assert_eq!((pair.server.pending(), pair.server.has_pending()), (8, true));
    assert!(!pair.server.free_buffers());
    assert_eq!(read(&pair.server).unwrap(), b"question");
    assert_eq!(pair.server.pending(), 0);
    assert!(pair.server.free_buffers());
    pair.talk();
    // Nothing to read into, nothing to write: nothing happens.
    assert_eq!(pair.server.read(&mut []), Ok(0));
    assert_eq!(pair.server.peek(&mut []), Ok(0));
    assert_eq!(pair.server.write(&[]), Ok(0));
}

#[test]
fn groups_restrict_the_key_exchange() {
    let ctx = server(Kind::Ecdsa);
    ctx.set_groups(&[Nid::SECP384R1]).unwrap();
    for version in [TLS12, TLS13] {
        let pair = Pair::new(&only(client(), version), &ctx);
        pair.open();
        assert_eq!(pair.client.group().as_deref(), Some("secp384r1"));
        assert_eq!(pair.server.group().as_deref(), Some("secp384r1"));
    }
    assert!(ctx.set_groups(&[Nid::SHA256]).is_err());
}

#[test]
fn certificates_of_clients_are_asked_for_when_wanted() {
    let ctx = server(Kind::Ecdsa);
    trust(&ctx, &authority().0);
    ctx.set_verify(Verify::PEER | Verify::FAIL_IF_NO_PEER_CERT);
    let person = identity_for("a person", Kind::Ecdsa);
    for version in [TLS12, TLS13] {
        let stranger = Pair::new(&only(client(), version), &ctx);
        assert_eq!(stranger.server.verify(), Verify::PEER | Verify::FAIL_IF_NO_PEER_CERT);
        let stopped = stranger.shake().1.unwrap_err();
        assert!(stopped.errors()[0].text.ends_with("peer did not return a certificate"), "{stopped:?}");
        let client = only(client(), version);
        client.install(&person.cert, &person.key, &[]).unwrap();
        let pair = Pair::new(&client, &ctx);
        pair.open();
        assert_eq!(subject(&pair.server.peer_certificate().unwrap()), "a person");
        assert_eq!(pair.server.verify_result(), 0);
        let session = pair.server.session().unwrap();
        assert_eq!(subject(&session.peer_certificate().unwrap()), "a person");
        // Not asked: not shown.
        let quiet = Pair::new(&client, &ctx);
        quiet.server.set_verify(Verify::empty());
        quiet.open();
        assert!(quiet.server.peer_certificate().is_none());
    }
}

#[test]
fn a_certificate_can_be_asked_for_after_the_handshake() {
    let ctx = server(Kind::Ecdsa);
    trust(&ctx, &authority().0);
    let person = identity_for("a person", Kind::Ecdsa);
    let client = only(client(), TLS13);
    client.install(&person.cert, &person.key, &[]).unwrap();
    let pair = Pair::new(&client, &ctx);
    pair.client.set_post_handshake_auth(true);
    pair.open();
    pair.talk();
    assert!(pair.server.peer_certificate().is_none());
    pair.server.set_verify(Verify::PEER);
    pair.server.request_certificate().unwrap();
    let finished = pair.server.peer_finished();
    pair.server.do_handshake().unwrap();
    assert_eq!(read(&pair.client), Err(Stopped::WantRead));
    assert_eq!(pair.server.peer_finished(), finished, "the answer is not there");
    assert_eq!(read(&pair.server), Err(Stopped::WantRead));
    assert_ne!(pair.server.peer_finished(), finished);
    assert_eq!(subject(&pair.server.peer_certificate().unwrap()), "a person");
    // A client that has not agreed to it cannot be asked.
    let pair = Pair::new(&client, &ctx);
    pair.open();
    assert!(!pair.server.request_certificate().unwrap_err().is_empty());
}

pub(super) fn trust(ctx: &SslCtx, ca: &openssl::x509::X509) {
    use foreign_types::ForeignType;
    // SAFETY: the context is alive, and so is its store.
    let store = unsafe { openssl_sys::SSL_CTX_get_cert_store(ctx.as_ptr()) };
    // SAFETY: the store counts its own reference to the certificate.
    assert_eq!(unsafe { openssl_sys::X509_STORE_add_cert(store, ca.as_ptr()) }, 1);
}
