use super::make::*;
use super::pipe::{Pair, read};
use crate::ossl::ctx::{Verify, options};
use crate::ossl::ssl::{Close, CloseFlags, Stopped};

fn open(version: i32) -> Pair {
    let pair = Pair::new(&client(), &only(server(Kind::Ecdsa), version));
    pair.open();
    pair.talk();
    pair
}

#[test]
fn close_notify_is_not_the_end_of_the_transport() {
    for version in [TLS12, TLS13] {
        let pair = open(version);
        pair.client.write(b"last words").unwrap();
        assert_eq!(pair.client.try_shutdown(), Ok(Close::Sent));
        pair.up.ended.set(true);
        assert_eq!(read(&pair.server).unwrap(), b"last words");
        // It stays what it was, however often it is asked for.
        for _ in 0..2 {
            assert_eq!(read(&pair.server), Err(Stopped::Closed));
        }
        assert!(!pair.server.saw_eof());
        assert_eq!(pair.server.close_flags(), CloseFlags::RECEIVED);
        // Half closed: the other direction goes on.
        pair.server.write(b"an answer").unwrap();
        assert_eq!(pair.server.try_shutdown(), Ok(Close::Complete));
        assert_eq!(read(&pair.client).unwrap(), b"an answer");
        assert_eq!(pair.client.try_shutdown(), Ok(Close::Complete));
    }
}

#[test]
fn the_end_of_the_transport_without_close_notify() {
    for version in [TLS12, TLS13] {
        let pair = open(version);
        pair.client.write(b"last words").unwrap();
        pair.up.ended.set(true);
        assert_eq!(read(&pair.server).unwrap(), b"last words");
        for _ in 0..2 {
            assert_eq!(read(&pair.server), Err(Stopped::Eof));
        }
        assert!(pair.server.saw_eof());
        // Without the option, which contexts for clients do not have, OpenSSL complains.
        pair.down.ended.set(true);
        let stopped = read(&pair.client).unwrap_err();
        assert!(stopped.is_unexpected_eof(), "{stopped:?}");
        assert_eq!(stopped.number(), 1);
    }
}

#[test]
fn the_end_in_the_middle_of_a_record() {
    let pair = open(TLS13);
    pair.client.write(b"last words").unwrap();
    let record = pair.up.take();
    pair.up.put(&record[..record.len() - 1]);
    assert_eq!(read(&pair.server), Err(Stopped::WantRead));
    pair.up.ended.set(true);
    assert_eq!(read(&pair.server), Err(Stopped::Eof));
}

#[test]
fn flags_say_what_is_sent_and_waited_for() {
    for (flags, sent, answer) in [
        (CloseFlags::NONE, true, Ok(Close::Sent)),
        (CloseFlags::RECEIVED, true, Ok(Close::Complete)),
        (CloseFlags::SENT | CloseFlags::RECEIVED, false, Ok(Close::Complete)),
    ] {
        let pair = open(TLS13);
        pair.server.set_close_flags(flags);
        assert_eq!(pair.server.try_shutdown(), answer, "{flags:?}");
        assert_eq!(pair.down.len() > 0, sent, "{flags:?}");
    }
    let pair = open(TLS13);
    assert!(!pair.server.shutdown());
    // The second call waits for the peer's close_notify.
    assert_eq!(pair.server.try_shutdown(), Err(Stopped::WantRead));
    assert!(pair.server.shutdown());
    let quiet = open(TLS13);
    quiet.server.set_quiet_shutdown(true);
    assert!(quiet.server.shutdown());
    assert_eq!(quiet.down.len(), 0);
}

#[test]
fn a_broken_record_is_answered_with_an_alert() {
    for version in [TLS12, TLS13] {
        let pair = open(version);
        pair.client.write(b"question").unwrap();
        let mut record = pair.up.take();
        *record.last_mut().unwrap() ^= 1;
        pair.up.put(&record);
        let stopped = read(&pair.server).unwrap_err();
        let text = &stopped.errors().last().unwrap().text;
        assert!(text.ends_with("decryption failed or bad record mac"), "{stopped:?}");
        let told = read(&pair.client).unwrap_err();
        assert!(told.errors()[0].text.ends_with("alert bad record mac"), "{told:?}");
        // Nothing can be read any more, whatever comes.
        pair.up.put(&record);
        assert!(read(&pair.server).is_err());
    }
}

#[test]
fn a_client_that_does_not_like_our_certificate() {
    let client = client();
    client.set_verify(Verify::PEER);
    for version in [TLS12, TLS13] {
        let pair = Pair::new(&client, &only(server(Kind::Ecdsa), version));
        let (there, here) = pair.shake();
        let stopped = there.unwrap_err();
        assert!(stopped.errors()[0].text.ends_with("certificate verify failed"), "{stopped:?}");
        let stopped = here.unwrap_err();
        assert!(stopped.errors()[0].text.ends_with("alert unknown ca"), "{stopped:?}");
        assert_ne!(pair.client.verify_result(), 0);
    }
}

#[test]
fn a_client_cannot_start_a_renegotiation() {
    let pair = open(TLS12);
    assert_ne!(pair.server.options() & options::NO_RENEGOTIATION, 0);
    pair.client.renegotiate().unwrap();
    assert_eq!(pair.client.do_handshake(), Err(Stopped::WantRead));
    // The server goes on; the client gives up because of the warning.
    assert_eq!(read(&pair.server), Err(Stopped::WantRead));
    let stopped = pair.client.do_handshake().unwrap_err();
    assert!(stopped.errors()[0].text.ends_with("no renegotiation"), "{stopped:?}");
}

#[test]
fn a_server_can_start_one_and_the_client_none_beside_it() {
    let pair = open(TLS12);
    assert!(pair.server.renegotiate().is_err(), "not while nobody may");
    pair.server.clear_options(options::NO_RENEGOTIATION);
    pair.server.renegotiate().unwrap();
    // It may be answered nevertheless, once.
    pair.server.set_options(options::NO_RENEGOTIATION);
    pair.server.do_handshake().unwrap();
    let finished = pair.server.peer_finished();
    assert!(pair.server.is_renegotiating() && pair.server.is_established());
    for _ in 0..10 {
        assert_eq!(read(&pair.client), Err(Stopped::WantRead));
        assert_eq!(read(&pair.server), Err(Stopped::WantRead));
    }
    assert!(pair.server.is_established() && !pair.server.is_renegotiating());
    assert_ne!(pair.server.peer_finished(), finished);
    pair.talk();
    pair.client.renegotiate().unwrap();
    assert_eq!(pair.client.do_handshake(), Err(Stopped::WantRead));
    assert_eq!(read(&pair.server), Err(Stopped::WantRead));
    assert!(pair.client.do_handshake().is_err(), "refused");
}
