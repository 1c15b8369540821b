//! The life of a TLS connection.

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has arrived yet.
    ClientHello,
    /// The ClientHello was read, the handshake goes on.
    Handshake,
    /// Application data may flow.
    Traffic,
    /// close_notify is on its way.
    Closing,
    /// No TLS any more: closed, failed, or plain HTTP was spoken.
    Done,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The ClientHello was parsed.
    Hello,
    /// Both sides have finished the handshake.
    Established,
    /// This side begins to close.
    Close,
    /// The TLS state is freed.
    End,
}

impl Phase {
    /// The phase after `event`; `None` when the event cannot happen now.
    #[must_use]
    pub const fn after(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::ClientHello, Event::Hello) => Some(Self::Handshake),
            (Self::Handshake, Event::Established) => Some(Self::Traffic),
            (Self::Traffic, Event::Close) => Some(Self::Closing),
            (_, Event::End) => Some(Self::Done),
            _ => None,
        }
    }

    /// Whether application data may be read and written.
    #[must_use]
    pub const fn carries_data(self) -> bool {
        matches!(self, Self::Traffic)
    }

    /// Whether the handshake is still to be done.
    #[must_use]
    pub const fn is_shaking_hands(self) -> bool {
        matches!(self, Self::ClientHello | Self::Handshake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_legal_moves() {
        use Event::{Close, End, Established, Hello};
        use Phase::{ClientHello, Closing, Done, Handshake, Traffic};
        let phases = [ClientHello, Handshake, Traffic, Closing, Done];
        for (event, legal) in [
            (Hello, vec![(ClientHello, Handshake)]),
            (Established, vec![(Handshake, Traffic)]),
            (Close, vec![(Traffic, Closing)]),
            (End, phases.iter().map(|phase| (*phase, Done)).collect()),
        ] {
            for phase in phases {
                let expected = legal.iter().find(|(from, _)| *from == phase).map(|(_, to)| *to);
                assert_eq!(phase.after(event), expected, "{phase:?} after {event:?}");
            }
        }
    }

    #[test]
    fn data_only_flows_in_traffic() {
        assert!(Phase::Traffic.carries_data());
        for phase in [Phase::ClientHello, Phase::Handshake, Phase::Closing, Phase::Done] {
            assert!(!phase.carries_data());
        }
    }
}
