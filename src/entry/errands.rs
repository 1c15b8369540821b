//! Calls that may take longer than anybody can wait, or never come back: they are made by threads of their own.
//!
//! A process has as many of these threads as such calls were made at once, up to [`MOST`], and none before the first
//! call, so that nothing of this is there when the parent forks. A thread whose call does not come back cannot be
//! ended: the call may hold locks and memory of somebody else. What a process frees as it ends would be freed under
//! it, so the process ends at once then (see [`leave`]).

use super::signals;
use crate::guard;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

/// The most threads of a process.
const MOST: usize = 16;
/// Bytes of a thread's stack. Providers of caches keep a few buffers there, and the resolver needs some.
const STACK: usize = 512 * 1024;
/// How often, and how long each time, the end of a process waits for calls that are being made.
const STEPS: u32 = 100;
const STEP: Duration = Duration::from_millis(1);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// The time is over. The call may still come to its end; nobody will hear of it.
    Late,
    /// There is no thread for it, or the call panicked.
    Failed,
}

type Work = Box<dyn FnOnce() + Send>;

/// How far a call is.
enum Stage {
    Waiting(Work),
    Running,
    /// Whoever wanted it has gone.
    Left,
    Done,
}

/// A call, for its thread and for the one that waits.
struct Errand(Mutex<Stage>);

/// What threads wait for.
struct Queue {
    waiting: VecDeque<Arc<Errand>>,
    threads: usize,
    idle: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { waiting: VecDeque::new(), threads: 0, idle: 0 });
static CALLED: Condvar = Condvar::new();
/// Calls that nobody waits for any more, and that have not come back.
static LATE: AtomicUsize = AtomicUsize::new(0);
/// Calls that are being made.
static AWAY: AtomicUsize = AtomicUsize::new(0);
/// The process ends: no call begins any more.
static CLOSED: AtomicBool = AtomicBool::new(false);
/// The process that all this is about; one that it forks has a copy without the threads.
static OWNER: AtomicI32 = AtomicI32::new(0);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether no thread of this process will come back in the near future.
#[must_use]
pub fn are_stuck() -> bool {
    LATE.load(SeqCst) >= MOST
}

/// Has a thread make a call, and waits for the answer no longer than `patience`. What the call uses must live as long
/// as the process; all that it owns is dropped when it comes back, or at once when it had not begun.
///
/// # Errors
/// See [`Undone`].
pub fn run<T: Send + 'static>(
    patience: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Undone> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let work: Work = Box::new(move || {
        // Nobody may be left who wants it.
        let _ = sender.send(call());
    });
    let errand = Arc::new(Errand(Mutex::new(Stage::Waiting(work))));
    hand_over(Arc::clone(&errand))?;
    match receiver.recv_timeout(patience) {
        Ok(answer) => Ok(answer),
        Err(RecvTimeoutError::Disconnected) => Err(Undone::Failed),
        Err(RecvTimeoutError::Timeout) => {
            errand.abandon();
            // It may have come just now.
            receiver.try_recv().map_err(|_| Undone::Late)
        }
    }
}

fn hand_over(errand: Arc<Errand>) -> Result<(), Undone> {
    let mut queue = lock(&QUEUE);
    if queue.idle <= queue.waiting.len() && queue.threads < MOST {
        if start_thread() {
            queue.threads += 1;
        } else if queue.threads == 0 {
            return Err(Undone::Failed);
        }
    }
    queue.waiting.push_back(errand);
    drop(queue);
    CALLED.notify_one();
    Ok(())
}

fn start_thread() -> bool {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        OWNER.store(own_pid(), SeqCst);
        // The handlers that are registered last run first: before the one by which APR gives back all memory.
        // SAFETY: the object is never unloaded.
        unsafe { libc::atexit(leave) };
    });
    // httpd's handlers of signals are not made for threads that it does not know.
    let _blocked = signals::block_all();
    thread::Builder::new().name("ssl-cache".to_owned()).stack_size(STACK).spawn(serve).is_ok()
}

fn serve() {
    loop {
        let errand = next();
        AWAY.fetch_add(1, SeqCst);
        // Either this thread sees that the process ends, or the end sees that it is away.
        if !CLOSED.load(SeqCst) {
            errand.perform();
        }
        AWAY.fetch_sub(1, SeqCst);
    }
}

fn next() -> Arc<Errand> {
    let mut queue = lock(&QUEUE);
    loop {
        if let Some(errand) = queue.waiting.pop_front() {
            return errand;
        }
        queue.idle += 1;
        queue = CALLED.wait(queue).unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
    }
}

impl Errand {
    fn begin(&self) -> Option<Work> {
        let mut stage = lock(&self.0);
        match std::mem::replace(&mut *stage, Stage::Running) {
            Stage::Waiting(work) => Some(work),
            other => {
                *stage = other;
                None
            }
        }
    }

    fn perform(&self) {
        let Some(work) = self.begin() else { return };
        // After a panic its answer never comes, which is an answer.
        guard::catch("a call in a thread of its own", (), work);
        let mut stage = lock(&self.0);
        if let Stage::Left = std::mem::replace(&mut *stage, Stage::Done) {
            LATE.fetch_sub(1, SeqCst);
        }
    }

    /// Nobody waits for it any more.
    fn abandon(&self) {
        let mut stage = lock(&self.0);
        match *stage {
            Stage::Running => {
                LATE.fetch_add(1, SeqCst);
                *stage = Stage::Left;
            }
            Stage::Waiting(_) => *stage = Stage::Left,
            Stage::Left | Stage::Done => {}
        }
    }
}

fn own_pid() -> i32 {
    // SAFETY: reads a number.
    unsafe { libc::getpid() }
}

/// What `exit` calls before anything is freed. Calls that come back soon are waited for. If one does not, the process
/// ends here: pools that the call uses would be destroyed by the handlers that follow, and APR's list of connections
/// aborts when one of them is in use then. httpd has run the cleanups of the child's own pool before. It may be the
/// handler of a signal that calls `exit`, so no lock is taken.
extern "C" fn leave() {
    if OWNER.load(SeqCst) != own_pid() {
        return;
    }
    CLOSED.store(true, SeqCst);
    for _ in 0..STEPS {
        if AWAY.load(SeqCst) == 0 {
            return;
        }
        thread::sleep(STEP);
    }
    // SAFETY: ends the process. Its status is lost, but what a child has to say that way it says when it starts.
    unsafe { libc::_exit(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);

    /// The threads are the process's, so there is one test.
    #[test]
    fn nobody_waits_for_calls_that_do_not_come_back() {
        assert_eq!(run(LONG, || 7), Ok(7));
        let failed: Result<u8, _> = run(LONG, || panic!("deliberate"));
        assert_eq!(failed, Err(Undone::Failed));
        assert_eq!(run(LONG, || 8), Ok(8), "the thread is still there");

        // What is stuck is left, until all threads are.
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let stuck = || {
            let gate = Arc::clone(&gate);
            run(SHORT, move || lock(&gate).recv().is_ok())
        };
        for round in 0..MOST {
            assert!(!are_stuck(), "{round}");
            assert_eq!(stuck(), Err(Undone::Late));
        }
        assert!(are_stuck());
        assert_eq!(lock(&QUEUE).threads, MOST);

        // What could not begin is dropped at once, and never done.
        let (done, owned) = (Arc::new(AtomicU32::new(0)), Arc::new(()));
        let (counter, mine) = (Arc::clone(&done), Arc::clone(&owned));
        let late = run(SHORT, move || {
            drop(mine);
            counter.fetch_add(1, SeqCst)
        });
        assert_eq!((late, Arc::strong_count(&owned)), (Err(Undone::Late), 1));

        // They come back.
        drop(release);
        assert_eq!(run(LONG, || 9), Ok(9));
        while LATE.load(SeqCst) != 0 {
            thread::yield_now();
        }
        assert_eq!((run(LONG, || 10), done.load(SeqCst)), (Ok(10), 0));
        assert_eq!(lock(&QUEUE).threads, MOST, "and are used again");
    }
}
