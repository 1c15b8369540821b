//! A secret for each epoch, all from one root, and no way back.
//!
//! Epochs are the leaves of a binary tree. Each node makes its two children by a one-way function, so that a node
//! opens what is below it and nothing else. At an epoch the tree holds the nodes to the right of the way to its leaf:
//! they lead to all later epochs, and to none that was before. To go on, by one epoch or by thousands, takes at most
//! as many steps as the tree has levels.

use zeroize::Zeroize;

/// Levels below the root; epochs have so many bits.
pub const LEVELS: usize = 32;
/// Bytes of a secret.
pub const SECRET: usize = 32;
/// Bytes that are made for an epoch.
pub const LEAF: usize = 80;

/// What separates the uses of a secret.
const CHILDREN: &[u8] = b"mod_ssl tickets: children";
const KEY: &[u8] = b"mod_ssl tickets: key";

/// The one-way function: fills the bytes from a secret and a label. `false` if it cannot.
pub type Derive<'d> = &'d dyn Fn(&[u8], &[u8], &mut [u8]) -> bool;

/// A secret, erased when it is dropped.
pub type Secret = zeroize::Zeroizing<[u8; SECRET]>;
/// The bytes made for an epoch.
pub type Leaf = zeroize::Zeroizing<[u8; LEAF]>;

/// The way to all epochs after one.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree {
    /// At each level the right node beside the way, zeros if the way itself goes right.
    nodes: [[u8; SECRET]; LEVELS],
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.nodes.zeroize();
    }
}

impl Tree {
    /// Starts at an epoch and gives what is made for it.
    pub fn start(root: &Secret, epoch: u32, derive: Derive<'_>) -> Option<(Self, Leaf)> {
        let mut tree = Self { nodes: [[0; SECRET]; LEVELS] };
        let leaf = tree.descend(0, root.clone(), epoch, derive)?;
        Some((tree, leaf))
    }

    /// A tree of its nodes.
    #[must_use]
    pub fn of(nodes: [[u8; SECRET]; LEVELS]) -> Self {
        Self { nodes }
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[[u8; SECRET]; LEVELS] {
        &self.nodes
    }

    /// Goes from an epoch to a later one and gives what is made for that. `None` if that is not later, or the
    /// function fails; the tree is of no use then.
    pub fn advance(&mut self, from: u32, to: u32, derive: Derive<'_>) -> Option<Leaf> {
        if to <= from {
            return None;
        }
        // Where the ways part the new one goes right.
        let level = (from ^ to).leading_zeros() as usize;
        let node = Secret::new(self.nodes[level]);
        self.nodes[level..].iter_mut().for_each(Zeroize::zeroize);
        self.descend(level + 1, node, to, derive)
    }

    /// From a node at `level` to the leaf of an epoch.
    fn descend(&mut self, level: usize, mut node: Secret, epoch: u32, derive: Derive<'_>) -> Option<Leaf> {
        let mut children = zeroize::Zeroizing::new([0; 2 * SECRET]);
        for level in level..LEVELS {
            if !derive(&*node, CHILDREN, &mut *children) {
                return None;
            }
            let (left, right) = children.split_at(SECRET);
            if epoch >> (LEVELS - 1 - level) & 1 == 0 {
                node.copy_from_slice(left);
                self.nodes[level].copy_from_slice(right);
            } else {
                node.copy_from_slice(right);
            }
        }
        let mut leaf = Leaf::new([0; LEAF]);
        derive(&*node, KEY, &mut *leaf).then_some(leaf)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::collections::HashSet;

    /// One-way enough to see which secret came from which.
    pub fn toy(secret: &[u8], label: &[u8], into: &mut [u8]) -> bool {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for (place, round) in into.iter_mut().zip(0_u8..) {
            for byte in secret.iter().chain(label).chain(&[round]) {
                state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
            *place = (state >> 32) as u8;
        }
        true
    }

    #[test]
    fn every_way_leads_to_the_same_secret() {
        let root = Secret::new([7; SECRET]);
        for (from, to) in
            [(0, 1), (0, u32::MAX), (5, 6), (7, 8), (41_000, 41_999), (1 << 31, (1 << 31) + 1), (6, 1000)]
        {
            let (mut tree, first) = Tree::start(&root, from, &toy).unwrap();
            let (at_once, wanted) = Tree::start(&root, to, &toy).unwrap();
            let mut step = tree.clone();
            assert!(tree.advance(from, to, &toy).unwrap() == wanted, "{from} {to}");
            assert!(tree == at_once);
            assert!(first != wanted);
            let middle = from + (to - from).div_ceil(2);
            step.advance(from, middle, &toy).unwrap();
            if middle < to {
                assert!(step.advance(middle, to, &toy).unwrap() == wanted, "{from} {middle} {to}");
            }
        }
    }

    #[test]
    fn nothing_that_opens_an_earlier_epoch_stays() {
        // All secrets of the last levels, by epoch.
        let root = Secret::new([9; SECRET]);
        let asked = std::cell::RefCell::new(HashSet::new());
        let note = |secret: &[u8], label: &[u8], into: &mut [u8]| {
            asked.borrow_mut().insert(secret.to_vec());
            toy(secret, label, into)
        };
        let (mut tree, _) = Tree::start(&root, 100, &note).unwrap();
        for epoch in 100..160 {
            for node in tree.nodes() {
                assert!(*node == [0; SECRET] || !asked.borrow().contains(&node.to_vec()), "{epoch}");
            }
            tree.advance(epoch, epoch + 1, &note).unwrap();
        }
        assert!(tree.advance(160, 160, &toy).is_none() && tree.advance(160, 159, &toy).is_none());
    }
}
