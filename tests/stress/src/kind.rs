// SPDX-License-Identifier: GPL-2.0

//! The kinds of operations.

macro_rules! kinds {
    ($($kind:ident $name:literal,)*) => {
        /// What a thread asks of the card.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($kind,)*
        }

        /// All kinds, in the order of the report.
        pub const KINDS: &[Kind] = &[$(Kind::$kind,)*];

        impl Kind {
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    Open "open",
    OpenWaiting "open, waiting",
    Close "close",
    Info "INFO",
    Ttstamp "TTSTAMP",
    Refine "HW_REFINE",
    HwParams "HW_PARAMS",
    HwFree "HW_FREE",
    SwParams "SW_PARAMS",
    ChannelInfo "CHANNEL_INFO",
    Map "mmap",
    Prepare "PREPARE",
    Start "START",
    Write "WRITE",
    WriteWaiting "WRITE, waiting",
    MmapWrite "write by mmap",
    Read "READ",
    ReadWaiting "READ, waiting",
    MmapRead "read by mmap",
    Pages "status and control page",
    SyncPtr "SYNC_PTR",
    Status "STATUS",
    Delay "DELAY",
    Hwsync "HWSYNC",
    Poll "poll",
    Pause "PAUSE",
    Release "PAUSE, release",
    Rewind "REWIND",
    Forward "FORWARD",
    Drain "DRAIN",
    DrainWaiting "DRAIN, waiting",
    Drop "DROP",
    Resume "RESUME",
    Link "LINK",
    Unlink "UNLINK",
    ControlOpen "control: open",
    ControlRead "control: read",
    ControlWrite "control: write",
    ControlRefused "control: write, refused",
    ControlEvents "control: events",
    ProcCable "/proc: cable#N",
    ProcPcm "/proc: files of a substream",
    SourceRead "/proc: timer_source, read",
    SourceWrite "/proc: timer_source, write",
    Suspend "suspend and resume",
    Unbind "unbind",
    Bind "bind",
}
