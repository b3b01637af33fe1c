// SPDX-License-Identifier: GPL-2.0

//! A null sink and silent source: the smallest sound card, as an example of a driver on the `alsa`
//! crate.
//!
//! What is played is thrown away, what is recorded is silence, both at the rate that the
//! application has chosen, times the control `Speed Percent`. The card is `hw:Null`.

#![forbid(unsafe_code)]

use alsa::{
    card::{
        Index,
        Names,
        Registration,
        UnregisteredCard, //
    },
    control,
    kext::{
        compat,
        lock::SpinLockIrqSave, //
    },
    new_spinlock_irqsave,
    pcm,
    time::Ktime, //
};
use kernel::{
    faux,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
};

module! {
    type: Null,
    name: "snd_null_rs",
    authors: ["The snd-aloop-rs developers"],
    description: "A null sink and silent source",
    license: "GPL",
}

/// The speed of the device, in percent of the rate.
type Speed = Arc<Atomic<i32>>;

/// The control `Speed Percent`. It takes effect at the next PREPARE of a stream.
struct SpeedControl(Speed);

#[vtable]
impl control::Element for SpeedControl {
    type Value = i64;

    fn range(&self) -> control::IntegerRange {
        control::IntegerRange {
            min: 10,
            max: 1000,
            step: 1,
        }
    }

    fn get(&self) -> Result<i64> {
        Ok(self.0.load(Relaxed).into())
    }

    fn put(&self, value: i64) -> Result<bool> {
        let speed = i32::try_from(value.clamp(10, 1000)).map_err(|_| EINVAL)?;
        Ok(self.0.xchg(speed, Relaxed) != speed)
    }
}

/// How a stream moves from the moment of its start.
#[derive(Clone, Copy, Default)]
struct Run {
    start: u64,
    rate: u64,
    period: u64,
    buffer: u64,
    running: bool,
}

impl Run {
    const NSEC_PER_SEC: u64 = 1_000_000_000;

    /// Returns the frames since the start.
    fn frames(&self, now: Ktime) -> u64 {
        // Seconds and the rest are multiplied apart, so that neither product overflows: `rate` is
        // less than 2^21 (192 kHz at ten times the speed).
        let elapsed = now.as_nanos().saturating_sub(self.start);
        let (sec, nsec) = (elapsed / Self::NSEC_PER_SEC, elapsed % Self::NSEC_PER_SEC);
        sec * self.rate + nsec * self.rate / Self::NSEC_PER_SEC
    }

    /// Returns when the period after the one that `now` is in begins.
    fn next_period(&self, now: Ktime) -> Ktime {
        let (rate, period) = (self.rate.max(1), self.period.max(1));
        let next = (self.frames(now) / period + 1) * period;
        let nsec = (next % rate * Self::NSEC_PER_SEC).div_ceil(rate);
        Ktime::from_nanos(self.start + next / rate * Self::NSEC_PER_SEC + nsec)
    }
}

/// An open substream.
#[pin_data]
struct Stream {
    speed: Speed,
    #[pin]
    run: SpinLockIrqSave<Run>,
}

#[vtable]
impl pcm::Ops for Stream {
    type Data = Speed;
    type Stream = Self;

    const HARDWARE: pcm::Hardware = pcm::Hardware {
        info: pcm::InfoFlags::of(&[pcm::Info::Mmap, pcm::Info::Interleaved]),
        formats: pcm::Formats::of(&[pcm::Format::S16_LE, pcm::Format::S32_LE]),
        rates: 8000..=192_000,
        channels: 1..=8,
        buffer_bytes_max: 256 * 1024,
        period_bytes: 64..=128 * 1024,
        periods: 2..=1024,
    };

    fn open(speed: &Speed, substream: &mut pcm::Opening<'_>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // Code in its place among the fields: its error is that of the open.
            _: { substream.constrain_periods_to_integer()? },
            speed: speed.clone(),
            run <- new_spinlock_irqsave!(Run::default()),
        })
    }

    fn prepare(stream: &Self, substream: &pcm::Preparing<'_>) -> Result {
        let params = substream.params();
        *stream.run.lock() = Run {
            rate: u64::from(params.rate) * stream.speed.load(Relaxed) as u64 / 100,
            period: params.period_size.into(),
            buffer: params.buffer_size.into(),
            ..Run::default()
        };
        Ok(())
    }

    fn trigger(stream: &Self, substream: &pcm::Triggering<'_>, command: pcm::Trigger) -> Result {
        let mut run = stream.run.lock();
        run.running = command.starts();
        if run.running {
            let now = substream.time();
            run.start = now.as_nanos();
            substream.arm_timer(run.next_period(now));
        }
        Ok(())
    }

    fn pointer(stream: &Self, _substream: &pcm::Querying<'_>) -> Option<u32> {
        let run = stream.run.lock();
        let position = run.frames(Ktime::now()).checked_rem(run.buffer)?;
        u32::try_from(position).ok()
    }

    fn period_timer(stream: &Self, _substream: &pcm::Expired<'_>) -> pcm::Action {
        if stream.run.lock().running {
            pcm::Action::PeriodElapsed
        } else {
            pcm::Action::None
        }
    }

    fn rearm(stream: &Self, substream: &pcm::Expired<'_>) {
        let run = stream.run.lock();
        // The core may have stopped the stream at the end of that period.
        if run.running {
            substream.arm_timer(run.next_period(Ktime::now()));
        }
    }
}

/// The loaded module. The card is dropped before its parent.
struct Null {
    _card: Registration,
    _parent: faux::Registration,
}

impl kernel::Module for Null {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let parent = faux::Registration::new(c"snd-null-rs", None)?;
        let speed: Speed = Arc::new(Atomic::new(100), GFP_KERNEL)?;

        let device = compat::faux_device(&parent);
        let mut card = UnregisteredCard::new(device, Index::Any, Some(c"Null"), module)?;
        card.set_names(&Names {
            driver: c"Null",
            short: c"Null",
            long: fmt!("Null sink"),
            mixer: c"Null",
        });
        let device = pcm::DeviceConfig {
            id: c"Null PCM",
            name: c"Null PCM",
            number: 0,
            playback: 1,
            capture: 1,
            channels_max: None,
        };
        card.add_pcm::<Stream, _>(&device, speed.clone())?;
        let name = control::Name {
            iface: control::Iface::Card,
            name: c"Speed Percent",
            device: 0,
            subdevice: 0,
        };
        card.add_control(&name, SpeedControl(speed))?;
        Ok(Self {
            _card: card.register()?,
            _parent: parent,
        })
    }
}
