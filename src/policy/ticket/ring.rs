//! The keys that tickets are sealed and opened with at one time, and how they follow each other.

use super::tree::{Derive, LEAF, LEVELS, Leaf, SECRET, Secret, Tree};
use super::{KeyParts, NAME};
use zeroize::Zeroize;

/// How many keys that do not seal any more may be honoured.
pub const MOST_OLD: u64 = 16;
/// The one that seals, and the next one.
const MOST: usize = MOST_OLD as usize + 2;

const HEAD_WORDS: usize = 6;
const KEY_WORDS: usize = 2 + LEAF / 8;
/// Numbers that describe what a ticket needs.
pub const KEYS_WORDS: usize = HEAD_WORDS + MOST * KEY_WORDS;
/// Numbers that describe all.
pub const WORDS: usize = KEYS_WORDS + LEVELS * SECRET / 8;

/// What a ring is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long a key seals, in seconds; not 0.
    pub lifetime: u64,
    /// How long a ticket is good, in seconds.
    pub hold: u64,
    /// Stands for the secret that several servers share; 0 if there is none. Then the clocks of the others may
    /// be one epoch away.
    pub secret: u64,
}

impl Plan {
    /// The longest time that tickets may be good for.
    #[must_use]
    pub const fn longest_hold(lifetime: u64, shared: bool) -> u64 {
        lifetime.saturating_mul(if shared { MOST_OLD - 1 } else { MOST_OLD })
    }

    fn epoch(&self, now: i64) -> u32 {
        u64::try_from(now).map_or(0, |now| u32::try_from(now / self.lifetime.max(1)).unwrap_or(u32::MAX))
    }

    fn starts(&self, epoch: u32) -> u64 {
        u64::from(epoch).saturating_mul(self.lifetime)
    }

    fn skew(&self) -> u64 {
        if self.secret == 0 { 0 } else { self.lifetime }
    }

    /// Until when the key of an epoch opens tickets.
    fn until(&self, epoch: u32) -> u64 {
        self.starts(epoch).saturating_add(self.lifetime).saturating_add(self.hold).saturating_add(self.skew())
    }

    /// How many epochs a key opens tickets after its own.
    fn old(&self) -> u32 {
        let epochs = (self.hold.saturating_add(self.skew())).div_ceil(self.lifetime.max(1));
        epochs.min(MOST_OLD) as u32
    }
}

/// A key and its time.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    epoch: u32,
    until: u64,
    bytes: Leaf,
}

/// The keys that there are now.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    plan: Plan,
    epoch: u32,
    /// The newest is the first.
    keys: Vec<Key>,
}

/// Something to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The number of the epoch.
    pub epoch: u32,
    /// When its key began to seal, in seconds since 1970.
    pub since: u64,
    /// How long ago that was, in seconds.
    pub age: u64,
    /// How many keys open tickets.
    pub honoured: usize,
}

impl Keys {
    /// The key that seals.
    #[must_use]
    pub fn sealing(&self) -> Option<KeyParts<'_>> {
        self.keys.iter().find(|key| key.epoch == self.epoch).and_then(|key| KeyParts::of(&*key.bytes))
    }

    /// The key of a ticket, and whether it is older than the one that seals.
    #[must_use]
    pub fn opening(&self, name: &[u8], now: i64) -> Option<(KeyParts<'_>, bool)> {
        let key = self.keys.iter().find(|key| key.bytes[..NAME] == *name && now < key.until as i64)?;
        Some((KeyParts::of(&*key.bytes)?, key.epoch < self.epoch))
    }

    /// Whether [`Ring::follow`] has something to do.
    #[must_use]
    pub fn is_due(&self, now: i64) -> bool {
        let epoch = self.plan.epoch(now);
        epoch > self.epoch || self.is_behind(now) || self.keys.iter().any(|key| key.until as i64 <= now)
    }

    /// Whether the clock was set back so far that these keys would stay for long: they are replaced, unless
    /// other servers share them.
    #[must_use]
    pub fn is_behind(&self, now: i64) -> bool {
        self.plan.secret == 0 && self.plan.epoch(now).saturating_add(1) < self.epoch
    }

    /// Something to look at.
    #[must_use]
    pub fn status(&self, now: i64) -> Status {
        let since = self.plan.starts(self.epoch);
        let age = u64::try_from(now).unwrap_or(0).saturating_sub(since);
        Status { epoch: self.epoch, since, age, honoured: self.keys.len() }
    }

    /// Reads what [`Ring::words`] has made. `None` for zeros.
    #[must_use]
    pub fn read(words: &[u64; KEYS_WORDS]) -> Option<Self> {
        let [lifetime, hold, secret, epoch, count, _] = *words.first_chunk::<HEAD_WORDS>()?;
        let plan = Plan { lifetime, hold, secret };
        let (records, _) = words[HEAD_WORDS..].as_chunks::<KEY_WORDS>();
        let keys = records.iter().take(usize::try_from(count).ok()?).map(|[epoch, until, secret @ ..]| {
            let mut bytes = Leaf::new([0; LEAF]);
            for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(secret) {
                *place = word.to_ne_bytes();
            }
            Key { epoch: *epoch as u32, until: *until, bytes }
        });
        (lifetime > 0).then(|| Self { plan, epoch: epoch as u32, keys: keys.collect() })
    }
}

/// The keys that there are, and the way to all later ones.
#[derive(Clone, PartialEq, Eq)]
pub struct Ring {
    keys: Keys,
    tree: Tree,
}

impl Ring {
    /// Starts from a root. If that is a secret that other servers share, also with the keys that they had.
    #[must_use]
    pub fn start(root: &Secret, plan: Plan, now: i64, derive: Derive<'_>) -> Option<Self> {
        let epoch = plan.epoch(now);
        let first = if plan.secret == 0 { epoch } else { epoch.saturating_sub(plan.old()) };
        let (tree, leaf) = Tree::start(root, first, derive)?;
        let mut ring = Self { keys: Keys { plan, epoch: first, keys: Vec::with_capacity(MOST) }, tree };
        ring.add(first, leaf);
        ring.advance(epoch, derive)?;
        ring.look_ahead(derive)?;
        ring.drop_old(now);
        Some(ring)
    }

    /// Goes with the clock: newer keys come, those whose time is over are erased.
    #[must_use]
    pub fn follow(mut self, now: i64, derive: Derive<'_>) -> Option<Self> {
        let epoch = self.keys.plan.epoch(now);
        if epoch > self.keys.epoch {
            self.advance(epoch, derive)?;
            self.look_ahead(derive)?;
        }
        self.drop_old(now);
        Some(self)
    }

    /// The same, with tickets that are good for another time from now on.
    #[must_use]
    pub fn hold(mut self, hold: u64) -> Self {
        self.keys.plan.hold = hold;
        let (plan, epoch) = (self.keys.plan, self.keys.epoch);
        for key in self.keys.keys.iter_mut().filter(|key| key.epoch >= epoch) {
            key.until = key.until.max(plan.until(key.epoch));
        }
        self
    }

    /// The same with another plan, whose keys have the same origin; old ones are honoured as long as they were meant to be.
    #[must_use]
    pub fn keep_keys_of(mut self, before: &Self) -> Self {
        for key in &before.keys.keys {
            if self.keys.keys.iter().all(|known| known.bytes[..NAME] != key.bytes[..NAME])
                && self.keys.keys.len() < MOST
            {
                self.keys.keys.push(Key { epoch: 0, ..key.clone() });
            }
        }
        self
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.keys.plan
    }

    /// Goes to an epoch. Keys of those between are of use only if others have sealed with them.
    fn advance(&mut self, epoch: u32, derive: Derive<'_>) -> Option<()> {
        let first =
            if self.keys.plan.secret == 0 { epoch } else { epoch.saturating_sub(self.keys.plan.old()) };
        for next in first.max(self.keys.epoch.saturating_add(1))..=epoch {
            let leaf = self.tree.advance(self.keys.epoch, next, derive)?;
            self.keys.epoch = next;
            self.add(next, leaf);
        }
        Some(())
    }

    /// Servers whose clock is ahead seal with the next key already.
    fn look_ahead(&mut self, derive: Derive<'_>) -> Option<()> {
        if self.keys.plan.secret == 0 {
            return Some(());
        }
        let next = self.keys.epoch.checked_add(1)?;
        let leaf = self.tree.clone().advance(self.keys.epoch, next, derive)?;
        self.add(next, leaf);
        Some(())
    }

    fn add(&mut self, epoch: u32, bytes: Leaf) {
        let until = self.keys.plan.until(epoch);
        self.keys.keys.retain(|key| key.bytes[..NAME] != bytes[..NAME]);
        self.keys.keys.insert(0, Key { epoch, until, bytes });
    }

    fn drop_old(&mut self, now: i64) {
        self.keys.keys.retain(|key| now < key.until as i64);
        self.keys.keys.truncate(MOST);
    }

    /// All of it as numbers; the caller erases them.
    pub fn words(&self, into: &mut [u64; WORDS]) {
        into.zeroize();
        let Plan { lifetime, hold, secret } = self.keys.plan;
        let head = [lifetime, hold, secret, self.keys.epoch.into(), self.keys.keys.len() as u64, 0];
        into[..HEAD_WORDS].copy_from_slice(&head);
        let (records, _) = into[HEAD_WORDS..KEYS_WORDS].as_chunks_mut::<KEY_WORDS>();
        for (record, key) in records.iter_mut().zip(&self.keys.keys) {
            record[0] = key.epoch.into();
            record[1] = key.until;
            pack(&*key.bytes, &mut record[2..]);
        }
        let (nodes, _) = into[KEYS_WORDS..].as_chunks_mut::<{ SECRET / 8 }>();
        for (place, node) in nodes.iter_mut().zip(self.tree.nodes()) {
            pack(node, place);
        }
    }

    /// Reads what [`words`](Self::words) has made. `None` for zeros.
    #[must_use]
    pub fn read(words: &[u64; WORDS]) -> Option<Self> {
        let keys = Keys::read(words.first_chunk()?)?;
        let mut nodes = zeroize::Zeroizing::new([[0; SECRET]; LEVELS]);
        let (places, _) = words[KEYS_WORDS..].as_chunks::<{ SECRET / 8 }>();
        for (node, place) in nodes.iter_mut().zip(places) {
            for (bytes, word) in node.as_chunks_mut::<8>().0.iter_mut().zip(place) {
                *bytes = word.to_ne_bytes();
            }
        }
        Some(Self { keys, tree: Tree::of(*nodes) })
    }
}

fn pack(bytes: &[u8], words: &mut [u64]) {
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ticket::tree::tests::toy;

    const ALONE: Plan = Plan { lifetime: 100, hold: 250, secret: 0 };
    const SHARED: Plan = Plan { secret: 1, ..ALONE };

    fn ring(plan: Plan, now: i64) -> Ring {
        Ring::start(&Secret::new([3; SECRET]), plan, now, &toy).unwrap()
    }

    fn name(ring: &Ring) -> [u8; NAME] {
        ring.keys().sealing().unwrap().name
    }

    #[test]
    fn a_key_opens_as_long_as_its_tickets_live() {
        let mut ring = ring(ALONE, 1_010);
        let first = name(&ring);
        assert_eq!(ring.keys().status(1_015), Status { epoch: 10, since: 1_000, age: 15, honoured: 1 });
        assert!(!ring.keys().is_due(1_099) && ring.keys().is_due(1_100));
        for (now, honoured, old) in [(1_100, 2, true), (1_299, 3, true), (1_349, 4, true)] {
            ring = ring.follow(now, &toy).unwrap();
            let opened = ring.keys().opening(&first, now).map(|(parts, old)| (parts.name, old));
            assert_eq!(opened, Some((first, old)), "{now}");
            assert_eq!(ring.keys().status(now).honoured, honoured, "{now}");
            assert_ne!(name(&ring), first);
        }
        assert!(ring.keys().opening(&first, 1_350).is_none(), "also when nobody has dropped it");
        assert!(ring.keys().is_due(1_350));
        ring = ring.follow(1_350, &toy).unwrap();
        assert_eq!(ring.keys().status(1_350).honoured, 3);
        assert!(ring.keys().opening(&[0; NAME], 1_350).is_none());
        ring = ring.follow(90_000, &toy).unwrap();
        assert_eq!(ring.keys().status(90_000), Status { epoch: 900, since: 90_000, age: 0, honoured: 1 });
    }

    #[test]
    fn servers_with_the_same_secret_have_the_same_keys() {
        let here = ring(SHARED, 10_050);
        let later = ring(SHARED, 9_950).follow(10_050, &toy).unwrap();
        assert_eq!(name(&here), name(&later));
        // A clock that is one epoch away in either direction.
        for (other, old) in [(9_950, true), (10_150, false)] {
            let other = ring(SHARED, other);
            assert_ne!(name(&other), name(&here));
            let opened = here.keys().opening(&name(&other), 10_050).map(|(_, old)| old);
            assert_eq!(opened, Some(old));
            assert!(other.keys().opening(&name(&here), 10_050).is_some());
        }
        assert!(here.keys().opening(&name(&ring(SHARED, 10_250)), 10_050).is_none(), "two epochs ahead");
        assert!(here.keys().opening(&name(&ring(SHARED, 9_600)), 10_050).is_none(), "older than any ticket");
        // An idle server has what the others sealed with meanwhile.
        let idle = ring(SHARED, 1_000).follow(10_050, &toy).unwrap();
        assert!(idle.keys().opening(&name(&ring(SHARED, 9_850)), 10_050).is_some());
        assert!(idle == here);
        let another = Ring::start(&Secret::new([4; SECRET]), SHARED, 10_050, &toy).unwrap();
        assert_ne!(name(&another), name(&here));
    }

    #[test]
    fn a_clock_that_goes_back() {
        let (alone, shared) = (ring(ALONE, 1_010), ring(SHARED, 1_010));
        assert!(!alone.keys().is_due(910), "by one epoch: nothing");
        assert!(alone.keys().is_due(810) && alone.keys().is_behind(810));
        assert!(!shared.keys().is_due(810));
        assert_eq!(name(&shared.clone().follow(810, &toy).unwrap()), name(&shared));
        assert_eq!(alone.keys().status(-5), Status { epoch: 10, since: 1_000, age: 0, honoured: 1 });
    }

    #[test]
    fn tickets_that_live_longer() {
        let before = ring(ALONE, 1_010);
        let longer = before.clone().hold(1_000);
        assert_eq!(longer.plan().hold, 1_000);
        assert!(longer.keys().opening(&name(&before), 2_099).is_some());
        assert!(longer.keys().opening(&name(&before), 2_100).is_none());
        assert!(longer.hold(10).keys().opening(&name(&before), 2_099).is_some(), "those that are out there");
    }

    #[test]
    fn numbers_and_back() {
        let mut words = [7; WORDS];
        for ring in [ring(ALONE, 1_010), ring(SHARED, 123_456), ring(Plan { hold: 1_600, ..ALONE }, 1)] {
            let ring = ring.follow(200_000, &toy).unwrap();
            ring.words(&mut words);
            assert!(Ring::read(&words) == Some(ring.clone()));
            assert!(Keys::read(words.first_chunk().unwrap()).as_ref() == Some(ring.keys()));
        }
        assert!(Ring::read(&[0; WORDS]).is_none());
    }

    #[test]
    fn there_is_room_for_all_keys() {
        for shared in [false, true] {
            let hold = Plan::longest_hold(100, shared);
            let plan = Plan { hold, secret: shared.into(), ..ALONE };
            let mut ring = ring(plan, 50_000);
            let mut names = Vec::new();
            for now in (50_000..60_000).step_by(100) {
                ring = ring.follow(now, &toy).unwrap();
                names.push(name(&ring));
                let good =
                    names.iter().rev().take_while(|name| ring.keys().opening(*name, now).is_some()).count();
                assert!(good >= names.len().min((hold / 100) as usize + 1), "{shared} {now} {good}");
            }
        }
    }

    #[test]
    fn a_change_of_plan_keeps_keys() {
        let before = ring(ALONE, 1_010);
        let root = Secret::new([8; SECRET]);
        let after =
            Ring::start(&root, Plan { lifetime: 70, ..ALONE }, 1_020, &toy).unwrap().keep_keys_of(&before);
        assert_eq!(after.keys().opening(&name(&before), 1_020).map(|(_, old)| old), Some(true));
        assert_ne!(name(&after), name(&before));
        let mut words = [0; WORDS];
        after.words(&mut words);
        let later = Ring::read(&words).unwrap().follow(1_350, &toy).unwrap();
        assert!(later.keys().opening(&name(&before), 1_350).is_none());
    }

    /// Children write to the memory that the parent reads, and one that was taken over writes what it wants.
    #[test]
    fn whatever_is_read_leads_nowhere_worse() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let few =
            [0, 1, 2, 17, 18, 19, 100, 1 << 31, u64::from(u32::MAX), i64::MAX as u64, u64::MAX - 1, u64::MAX];
        for _ in 0..30 {
            let mut words = [0; WORDS];
            let usual = random() % 2 == 0;
            words.iter_mut().for_each(|word| {
                let (one, other) = (random(), random());
                *word = if usual { few[(one % few.len() as u64) as usize] } else { other };
            });
            let Some(ring) = Ring::read(&words) else { continue };
            for now in [i64::MIN, 0, 1_800_000_000, i64::MAX] {
                let keys = ring.keys();
                let _ = (keys.is_due(now), keys.is_behind(now), keys.status(now), keys.sealing().is_some());
                let _ = keys.opening(&[0; NAME], now);
                for plan in [ALONE, SHARED, ring.plan()] {
                    let fresh = Ring::start(&Secret::new([3; SECRET]), plan, now, &toy);
                    let next = [
                        ring.clone().hold(u64::MAX).follow(now, &toy),
                        fresh.map(|fresh| fresh.keep_keys_of(&ring)),
                    ];
                    for next in next.into_iter().flatten() {
                        assert!(next.keys.keys.len() <= MOST);
                        next.words(&mut words);
                    }
                }
            }
        }
    }
}
