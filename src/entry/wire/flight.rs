//! Flights that leave in pieces, so that no thread waits for a peer that does
//! not read.

use super::Wire;
use crate::apr::Status;

/// A piece is not smaller than this, however little core may hold.
const LEAST: usize = 1024;

impl Wire {
    /// Sends what the network takes now. Of the rest core gets no more than it
    /// holds without waiting (`FlushMaxThreshold`); what is beyond that stays
    /// here until the next call.
    pub(super) fn send_in_pieces(&self) -> Result<(), Status> {
        let conn = self.conn.get();
        let most = conn.base_server().flush_threshold().max(LEAST);
        self.seal();
        while self.has_pending() {
            if conn.has_buffered_output() {
                conn.push_output().ok()?;
            }
            let room = most.saturating_sub(self.in_core());
            if self.ready_len.get() <= room {
                self.pass().ok()?;
            } else if room < LEAST || conn.has_buffered_output() {
                return Ok(());
            } else {
                self.pass_piece(room)?;
            }
            conn.push_output().ok()?;
        }
        Ok(())
    }

    /// Passes so many bytes to the next output filter.
    fn pass_piece(&self, size: usize) -> Result<(), Status> {
        // Not there: the next filter is being called already, and reached us again.
        let Some(mut ready) = self.ready.take() else { return Err(Status::EGENERAL) };
        // SAFETY: the brigade is dropped below, long before the connection's pool is.
        let piece = unsafe { self.conn.get().kept_brigade() };
        let taken = match piece {
            Some(mut piece) => ready.move_bytes(size, &mut piece).map(|count| (piece, count)),
            None => Err(Status::EGENERAL),
        };
        self.ready.set(Some(ready));
        let (mut piece, count) = taken?;
        self.ready_len.set(self.ready_len.get().saturating_sub(count));
        self.passed.set(self.in_core() + count);
        self.output.get().pass_next(&mut piece).ok()
    }
}
