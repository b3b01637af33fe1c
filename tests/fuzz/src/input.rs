// SPDX-License-Identifier: GPL-2.0

//! What the bytes of an input mean.
//!
//! An input is a row of records of the same length. The first is the [`Header`], each that follows
//! is a call. So whatever is cut out, copied, or put in between leaves the other calls what they
//! were.

use arbitrary::Arbitrary;
use arbitrary::Unstructured;

/// Bytes of a record.
pub const RECORD: usize = 16;
/// The most records of an input.
pub const RECORDS_MAX: usize = 32;

/// What holds for all of an input.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Header {
    /// Which card.
    pub card: u8,
    /// What the card's cables run by: see [`crate::files::SOURCES`].
    pub source: u8,
    /// What is not asked after each call: see [`crate::rules`]. Questions move streams along.
    pub quiet: u8,
    /// What goes through a cable at the end: see [`crate::aftermath`]. Zeros: that follows from all
    /// of the input.
    pub after: [u8; 8],
    /// Nothing yet; the records keep their length.
    _spare: [u8; 5],
}

/// A call: how its fields are read depends on its kind.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Record {
    /// See [`Kind`].
    pub kind: u8,
    /// Which substream; see [`crate::world::SLOTS`].
    pub slot: u8,
    /// Small choices.
    pub bytes: [u8; 6],
    /// A number, or what garbage is made from.
    pub wide: u64,
}

/// Reads an input; what is missing at its end is zero.
pub fn decode(data: &[u8]) -> (Header, Vec<Record>) {
    let mut chunks = data.chunks(RECORD);
    let header = chunks.next().unwrap_or(&[]);
    let header = Header::arbitrary(&mut Unstructured::new(header)).unwrap_or(Header {
        card: 0,
        source: 0,
        quiet: 0,
        after: [0; 8],
        _spare: [0; 5],
    });
    let records = chunks
        .take(RECORDS_MAX)
        .filter_map(|chunk| Record::arbitrary(&mut Unstructured::new(chunk)).ok())
        .collect();
    (header, records)
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $weight:literal,)*) => {
        /// The calls. Their order is that of the corpus: new ones belong at the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind { $($(#[doc = $doc])* $name,)* }

        /// All kinds, with how often a new call is one of them.
        pub const KINDS: &[(Kind, u32)] = &[$((Kind::$name, $weight),)*];
    };
}

kinds! {
    /// Opens a substream if it is not open, and gets it ready to run.
    Setup = 12,
    /// Gets both sides of a cable ready with the same parameters, and starts them.
    Pair = 8,
    Open = 3,
    Close = 3,
    Refine = 4,
    Params = 8,
    Free = 3,
    Software = 6,
    Prepare = 6,
    Reset = 2,
    Start = 8,
    Drop = 4,
    Drain = 5,
    Pause = 6,
    Rewind = 4,
    Forward = 4,
    Resume = 1,
    Xrun = 2,
    Link = 4,
    Unlink = 2,
    Status = 3,
    StatusExt = 4,
    Delay = 2,
    Hwsync = 3,
    SyncPtr = 6,
    ChannelInfo = 2,
    Info = 1,
    Version = 1,
    Stamp = 1,
    /// READI, READN, WRITEI or WRITEN.
    Transfer = 14,
    /// read, write, readv, writev.
    Plain = 5,
    Map = 4,
    /// Reads or writes what is mapped.
    Touch = 6,
    Unmap = 2,
    Poll = 3,
    /// Lets time pass.
    Sleep = 10,
    /// Another thread waits in a call meanwhile.
    Background = 6,
    RawPcm = 4,
    ControlList = 1,
    ControlInfo = 2,
    ControlRead = 3,
    ControlWrite = 8,
    ControlTlv = 1,
    ControlLock = 2,
    Subscribe = 2,
    Events = 2,
    /// The control device's calls about the card and its PCM devices.
    Card = 2,
    RawControl = 3,
    TimerOpen = 2,
    TimerSelect = 3,
    TimerParams = 3,
    TimerRun = 4,
    TimerAsk = 2,
    TimerRead = 2,
    RawTimer = 2,
    FileRead = 3,
    /// Writes `timer_source`.
    Source = 2,
    /// Writes other things into other files.
    FileWrite = 1,
    /// Sound flows through a cable for some periods.
    Flow = 12,
    /// A call as a program of 32 bits makes it.
    Narrow = 6,
    /// The two or three calls that follow, at the same time.
    Race = 6,
}

impl Record {
    pub fn kind(&self) -> Kind {
        KINDS[usize::from(self.kind) % KINDS.len()].0
    }
}
