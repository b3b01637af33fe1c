// SPDX-License-Identifier: GPL-2.0

//! Sound timers that drive a cable or set its pace: `timer_source`.
//!
//! The timer is opened with the first side of a cable and closed with the last. A tick is a period
//! for both sides, and positions move by periods only; or the cable only follows its speed.
//!
//! The timer is started and stopped under the cable's lock; when it calls, it holds no lock. The
//! order of all locks is in `Documentation/architecture.rst` ("Locks").

use crate::{
    cable::{
        Cable,
        Locked,
        Mismatch,
        TickSource,
        TimerInfo, //
    },
    source::{
        self,
        Source,
        SourceText, //
    },
    units::{
        Delta,
        Frames, //
    },
};
use alsa::{
    card::Card,
    pcm::Direction,
    pr_err_ratelimited,
    proc::Text,
    time::Ktime,
    timer::{
        self,
        Handler, //
    },
};
use core::cell::Cell;
use kernel::{
    new_mutex,
    prelude::*,
    seq_file::{
        seq_print,
        SeqFile, //
    },
    str::BStr,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
};

/// A sound timer that drives a cable or sets its pace.
pub(crate) type Timer = timer::Timer<Ticker>;

/// The sound timer of a cable, for a trigger that may start or stop it.
pub(crate) struct Ticks<'a> {
    timer: &'a Timer,
    /// Why it could not be started.
    failure: Cell<Option<Error>>,
}

impl<'a> Ticks<'a> {
    pub(crate) fn new(timer: &'a Timer) -> Self {
        Self {
            timer,
            failure: Cell::new(None),
        }
    }

    /// Tells the kernel's log if the timer could not be started.
    ///
    /// To be called when the cable's lock has been released: a message may take long.
    pub(crate) fn report(&self) {
        let Some(err) = self.failure.get() else {
            return;
        };
        let id = self.timer.handler().id;
        pr_err_ratelimited!("snd_timer_start({id}) failed with {}\n", err.to_errno());
    }
}

impl TickSource for Ticks<'_> {
    fn start(&self) -> Result {
        // A tick that is on its way belongs to what ran before.
        self.timer.handler().starts.fetch_add(1, Relaxed);
        self.timer
            .start()
            .inspect_err(|&err| self.failure.set(Some(err)))
    }

    fn stop(&self) {
        self.timer.stop();
    }
}

/// What the sound timer of a cable calls.
pub(crate) struct Ticker {
    cable: Arc<Cable>,
    id: timer::Id,
    /// How often the timer has been started. It changes under the cable's lock.
    starts: Atomic<u32>,
}

impl Handler for Ticker {
    fn tick(&self, ticks: u64, resolution: u64) {
        let starts = self.starts.load(Relaxed);
        let mut guard = self.cable.lock();
        if self.starts.load(Relaxed) != starts {
            return;
        }
        let result = Locked::new(&mut guard, Ktime::now()).tick(ticks, Delta(resolution));
        drop(guard);
        if let Err(Mismatch {
            period: Frames(period_size),
            fitting: Frames(fitting),
        }) = result
        {
            let id = self.id;
            pr_err_ratelimited!(
                "Period size ({period_size} frames) of loopback device is not corresponding to \
                 timer resolution ({resolution} nsec = {fitting} frames) of card timer \
                 {id}. Use period size of {fitting} frames for loopback device.\n"
            );
        }
    }

    fn stopped(&self) {
        let mut guard = self.cable.lock();
        Locked::new(&mut guard, Ktime::now()).timer_stopped();
    }
}

/// The sound timer that a text names.
struct Named {
    id: timer::Id,
    /// Whether it only sets the pace of the cables.
    follows: bool,
}

/// The text `timer_source` of a card; also its file in `/proc/asound/cardN/`.
#[pin_data]
pub(crate) struct TimerSource {
    #[pin]
    text: Mutex<SourceText>,
}

impl TimerSource {
    pub(crate) fn new(text: &[u8]) -> impl PinInit<Self> {
        let text = SourceText::cut(text);
        pin_init!(Self {
            text <- new_mutex!(text),
        })
    }

    /// Finds the timer that the text names; `None` stands for the system's clock.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the text is wrong or there is no such card, `ERANGE` if a number is too large.
    /// That there is no card whose speed could be followed is no error: the cable runs without.
    fn find(&self) -> Result<Option<Named>> {
        let text = *self.text.lock();
        let text = text.as_c_str().to_bytes();
        let result = match Source::parse(text, |id| Some(Card::by_id(id)?.number())) {
            Ok(Source::System) => return Ok(None),
            Ok(Source::Timer {
                card,
                device,
                subdevice,
                follows,
            }) => {
                let id = timer::Id {
                    card,
                    device,
                    subdevice,
                };
                Ok(Named { id, follows })
            }
            Err(source::Error::Absent) => {
                pr_err_ratelimited!(
                    "There is no card for the timer source '{}': not followed\n",
                    BStr::from_bytes(text)
                );
                return Ok(None);
            }
            Err(source::Error::Invalid) => Err(EINVAL),
            Err(source::Error::Range) => Err(ERANGE),
        };
        if let Err(err) = result {
            pr_err_ratelimited!(
                "Parsing timer source '{}' failed with {}\n",
                BStr::from_bytes(text),
                err.to_errno()
            );
        }
        result.map(Some)
    }
}

/// The file `timer_source`.
pub(crate) struct SourceFile(pub(crate) Arc<TimerSource>);

#[vtable]
impl Text for SourceFile {
    fn show(&self, file: &SeqFile) {
        let text = *self.0.text.lock();
        seq_print!(file, "{}\n", BStr::from_bytes(text.as_c_str().to_bytes()));
    }

    fn store(&self, line: &[u8]) {
        *self.0.text.lock() = SourceText::cut(line.trim_ascii());
    }
}

/// The timer of a cable, and how many of its sides are open.
#[pin_data]
pub(crate) struct CableTimer {
    source: Arc<TimerSource>,
    /// The timers of the streams of the cable itself. It can't follow these: whatever it is told
    /// late, it would go after for ever.
    own: [timer::Id; 2],
    #[pin]
    open: Mutex<OpenSides>,
}

struct OpenSides {
    count: usize,
    timer: Option<Arc<Timer>>,
}

impl CableTimer {
    /// Makes the timer of a cable whose own streams have the timers `own`.
    pub(crate) fn new(source: Arc<TimerSource>, own: [timer::Id; 2]) -> impl PinInit<Self> {
        pin_init!(Self {
            source,
            own,
            open <- new_mutex!(OpenSides {
                count: 0,
                timer: None,
            }),
        })
    }

    /// Counts a side that is opened, and opens the timer if the cable is to have one and the side
    /// is the first.
    ///
    /// # Errors
    ///
    /// Those of [`CableTimer::open_timer`]. The side does not count then.
    pub(crate) fn open(
        &self,
        cable: &Arc<Cable>,
        direction: Direction,
    ) -> Result<Option<Arc<Timer>>> {
        let mut sides = self.open.lock();
        if sides.count == 0 {
            let (timer, info) = self.open_timer(cable, direction)?.unzip();
            sides.timer = timer;
            set_timer(cable, info);
        }
        sides.count += 1;
        Ok(sides.timer.clone())
    }

    /// Opens the timer that the cable is to have; `None` if it runs by the system's clock alone.
    ///
    /// # Errors
    ///
    /// `EINVAL` or `ERANGE` if the text is wrong or there is no such card; what opening the timer
    /// returns. A cable that can't follow a timer runs without, which is no error.
    fn open_timer(
        &self,
        cable: &Arc<Cable>,
        direction: Direction,
    ) -> Result<Option<(Arc<Timer>, TimerInfo)>> {
        let Some(Named { id, follows }) = self.source.find()? else {
            return Ok(None);
        };
        if follows && self.own.contains(&id) {
            pr_err_ratelimited!("A cable can't follow itself (timer {id})\n");
            return Ok(None);
        }
        let ticker = Ticker {
            cable: cable.clone(),
            id,
            starts: Atomic::new(0),
        };
        let timer =
            Arc::pin_init(Timer::open(c"Loopback", id, ticker), GFP_KERNEL).inspect_err(|err| {
                pr_err_ratelimited!("snd_timer_open ({id}) failed with {}\n", err.to_errno());
            });
        if follows && timer.is_err() {
            return Ok(None);
        }
        let info = TimerInfo {
            id,
            opened_by: direction,
            follows,
        };
        Ok(Some((timer?, info)))
    }

    /// Counts off a side that is closed, and has let go of the timer.
    pub(crate) fn close(&self) {
        let mut sides = self.open.lock();
        sides.count = sides.count.saturating_sub(1);
        if sides.count == 0 {
            // The last reference: the timer is closed here, where that may wait.
            sides.timer = None;
        }
    }
}

/// Sets what a cable runs by that nobody has opened.
fn set_timer(cable: &Cable, timer: Option<TimerInfo>) {
    let mut guard = cable.lock();
    Locked::new(&mut guard, Ktime::now()).set_timer(timer);
}
