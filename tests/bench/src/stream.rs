// SPDX-License-Identifier: GPL-2.0

//! A substream as the measurements use it: with nothing between them and the kernel.

use support::config::Access;
use support::config::Address;
use support::config::Config;
use support::config::Dir;
use support::kernel as k;
use support::kernel::Errno;
use support::pcm::poll;
use support::pcm::Pcm;
use support::signal;

use crate::row::Card;
use crate::row::Failed;

/// The structure of `STATUS`, with a wish for the kind of `audio_tstamp`.
const STATUS_EXT: u64 = (3 << 30) | ((size_of::<k::Status>() as u64) << 16) | 0x4124;
/// SNDRV_PCM_INFO_NO_PERIOD_WAKEUP
const INFO_NO_PERIOD_WAKEUP: u32 = 0x0080_0000;

/// What a stream is opened with, beside its parameters.
#[derive(Clone, Copy, Default)]
pub struct Wish {
    /// Never stops by itself: nobody has to serve it.
    pub free_running: bool,
    /// Asks for no wake-up at the end of a period.
    pub no_period_wakeup: bool,
}

pub struct Stream {
    pcm: Pcm,
    fd: i32,
    pub cfg: Config,
    boundary: u64,
    /// What the hardware can do: SNDRV_PCM_INFO_*
    pub info: u32,
}

/// S16_LE, two channels, 48 kHz, read and write: the parameters of most rows.
pub fn usual(period: u32, periods: u32) -> Config {
    Config {
        access: Access::RwInterleaved,
        format: signal::S16_LE,
        rate: 48000,
        channels: 2,
        period,
        periods,
    }
}

impl Stream {
    /// Opens one side of cable `cable` (0 to 15) and prepares it.
    pub fn open(
        card: &Card,
        cable: u32,
        dir: Dir,
        cfg: Config,
        wish: Wish,
    ) -> Result<Self, Failed> {
        let played = cable % 2;
        let pcm = Pcm::open(Address {
            card: card.number,
            device: if dir == Dir::Playback {
                played
            } else {
                played ^ 1
            },
            subdevice: cable / 2,
            dir,
        })?;
        let fd = pcm.pollfd().fd;
        let mut request = cfg.request();
        if wish.no_period_wakeup {
            request.flags |= k::HW_PARAMS_NO_PERIOD_WAKEUP;
        }
        let info = pcm.hw_params(&request)?.info;
        if wish.no_period_wakeup && info & INFO_NO_PERIOD_WAKEUP == 0 {
            return Err(Failed("not supported".into()));
        }
        let mut stream = Stream {
            pcm,
            fd,
            cfg,
            boundary: 0,
            info,
        };
        const NEVER: u64 = i64::MAX as u64;
        let mut sw = k::SwParams {
            tstamp_mode: 1,
            period_step: 1,
            avail_min: u64::from(cfg.period),
            start_threshold: NEVER,
            stop_threshold: if wish.free_running {
                NEVER
            } else {
                cfg.buffer() as u64
            },
            proto: 0x2_000c,
            tstamp_type: 1,
            ..Default::default()
        };
        stream.call("SW_PARAMS", k::SW_PARAMS, &mut sw)?;
        stream.boundary = sw.boundary;
        stream.prepare()?;
        Ok(stream)
    }

    fn call<T>(&self, name: &'static str, request: u64, arg: &mut T) -> Result<i32, Errno> {
        // SAFETY: Every caller in this file passes the structure that the request is made for.
        unsafe { k::ioctl(self.fd, name, request, arg) }
    }

    /// The same parameters once more: the stream has to be prepared again then.
    pub fn set_hw_params(&self) -> Result<(), Errno> {
        self.pcm.hw_params(&self.cfg.request()).map(|_| ())
    }

    pub fn prepare(&self) -> Result<(), Errno> {
        self.pcm.prepare()
    }

    pub fn start(&self) -> Result<(), Errno> {
        self.pcm.start()
    }

    pub fn stop(&self) -> Result<(), Errno> {
        self.pcm.stop()
    }

    /// Lets one START act on both.
    pub fn link(&self, other: &Stream) -> Result<(), Errno> {
        self.pcm.link(&other.pcm)
    }

    /// When the stream was started, by its own account.
    pub fn trigger_ns(&self) -> Result<i64, Errno> {
        Ok(self.pcm.status()?.trigger_tstamp.ns())
    }

    /// The status with an `audio_tstamp` of kind `kind` (SNDRV_PCM_AUDIO_TSTAMP_TYPE_*), or `None`
    /// if the driver gave another one.
    pub fn status_with(&self, kind: u32) -> Result<Option<k::Status>, Errno> {
        let mut status = k::Status::default();
        status.audio_tstamp_data = kind;
        self.call("STATUS_EXT", STATUS_EXT, &mut status)?;
        // The upper half reports: one bit valid, four bits the kind, ...
        let given = (status.audio_tstamp_data >> 17) & 0xf;
        // Without an operation of the driver's, the core gives the default kind and reports none.
        Ok((given == kind || (kind == 1 && given == 0)).then_some(status))
    }

    /// Position of the hardware, asked for now, and of the application.
    pub fn pointers(&self) -> Result<(u64, u64), Errno> {
        self.pcm.pointers()
    }

    /// Frames that can be moved, whole periods only. Were parts moved too, the next period's end
    /// would find less than a period, and would wake nobody.
    fn whole_periods_at(&self, hw: u64, appl: u64) -> u64 {
        let avail = self.avail_at(hw, appl);
        avail - avail % u64::from(self.cfg.period)
    }

    fn avail_at(&self, hw: u64, appl: u64) -> u64 {
        let end = match self.pcm.dir {
            Dir::Playback => hw + self.cfg.buffer() as u64,
            Dir::Capture => hw,
        };
        (end + self.boundary - appl) % self.boundary
    }

    /// Frames that can be moved now, whole periods only.
    pub fn whole_periods(&self) -> Result<usize, Errno> {
        let (hw, appl) = self.pointers()?;
        Ok(self.whole_periods_at(hw, appl) as usize)
    }

    /// Moves up to `frames` frames with READI or WRITEI; 0 if there are none.
    pub fn transfer(&self, data: &mut [u8], frames: usize) -> Result<usize, Errno> {
        assert!(frames * self.cfg.frame_bytes() <= data.len());
        let mut xfer = k::Xfer {
            result: 0,
            buf: data.as_mut_ptr().cast(),
            frames: frames as u64,
        };
        let (name, request) = match self.pcm.dir {
            Dir::Playback => ("WRITEI", k::WRITEI),
            Dir::Capture => ("READI", k::READI),
        };
        match self.call(name, request, &mut xfer) {
            Ok(_) => Ok(xfer.result as usize),
            Err(e) if e.code == libc::EAGAIN => Ok(0),
            Err(e) => Err(e),
        }
    }

    /// Declares all whole periods moved that can be, or all frames, as a program does that works in
    /// the mapped buffer. Returns how many frames they are.
    pub fn advance(&self, all: bool) -> Result<usize, Errno> {
        let (hw, appl) = self.pointers()?;
        let frames = if all {
            self.avail_at(hw, appl)
        } else {
            self.whole_periods_at(hw, appl)
        };
        let mut sync = k::SyncPtr {
            flags: k::SYNC_PTR_AVAIL_MIN,
            appl_ptr: (appl + frames) % self.boundary,
            ..Default::default()
        };
        self.call("SYNC_PTR", k::SYNC_PTR, &mut sync)?;
        Ok(frames as usize)
    }

    /// Waits for the end of a period; false after `ms` milliseconds.
    pub fn wait(&self, ms: i32) -> bool {
        self.pcm.poll(ms).is_some()
    }

    /// Waits until the stream has stopped by itself; false after `ms` milliseconds.
    pub fn wait_for_error(&self, ms: i32) -> bool {
        let mut fds = [libc::pollfd {
            events: 0,
            ..self.pcm.pollfd()
        }];
        poll(&mut fds, ms)
    }

    pub fn dir(&self) -> Dir {
        self.pcm.dir
    }

    pub fn pollfd(&self) -> libc::pollfd {
        self.pcm.pollfd()
    }
}
