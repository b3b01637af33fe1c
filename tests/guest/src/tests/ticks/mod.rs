// SPDX-License-Identifier: GPL-2.0

//! Cables that run by the ticks of a sound timer: section 11.

mod periods;
mod users;
mod without;

pub use periods::log_after_others;
pub use users::other_cards;

use support::cable::Cable;
use support::cable::Session;
use support::check;
use support::config::Config;
use support::ktap::unless_stalled;
use support::ktap::Context;
use support::ktap::Fail;
use support::ktap::Outcome;
use support::ktap::Test;
use support::pcm::Pcm;
use support::signal::Expect;

use crate::tests::source::CABLE;
use periods::by_periods;
use periods::no_shift;
use periods::nominal_speed;
use periods::too_fast;
use periods::uneven_periods;
use periods::whole_periods;
use periods::wrong_period;
use periods::wrong_period_is_told;
use periods::wrong_period_is_told_of_a_capture;
use users::close_often;
use users::close_one_side;
use users::evicted;
use users::other_card;
use users::own_timer;
use users::paused;
use users::refused_start;
use users::second_cable;
use users::timer_runs;
use without::afterwards;
use without::drain_during_a_pause;
use without::drain_of_several_periods;
use without::drain_without_ticks;
use without::no_ticks;
use without::no_ticks_to_drain;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&Context) -> Outcome| Test::new("source", name, run);
    vec![
        test(
            "11.3 a period that is not a tick is an XRUN of both sides",
            wrong_period,
        ),
        test(
            "9.13 11.3 a playback whose period is not a tick tells that it is active no more",
            wrong_period_is_told,
        ),
        test(
            "9.16 11.3 a capture whose period is not a tick tells that it is active no more",
            wrong_period_is_told_of_a_capture,
        ),
        test(
            "11.4 the system timer: whole periods, whole stream",
            whole_periods,
        ),
        test(
            "11.4 17.9 the system timer: the nominal speed",
            nominal_speed,
        )
        .c_defect("17.9"),
        test(
            "11.4 a PCM timer: a period at each of its periods",
            by_periods,
        ),
        test(
            "11.3 a PCM timer whose period is no whole number of nanoseconds",
            uneven_periods,
        ),
        test(
            "11.6 the timer runs from the first START to the last stop",
            timer_runs,
        ),
        test(
            "6.5 11.6 a playback that stops a capture goes on with its timer",
            evicted,
        ),
        test("11.6 no timer runs while the last side is paused", paused),
        test(
            "11.6 a START that a linked stream refuses starts no timer",
            refused_start,
        ),
        test(
            "11.7 a tick of less than 100 us is EINVAL at START",
            too_fast,
        ),
        test(
            "11.8 17.9 a second cable runs by the same global timer",
            second_cable,
        )
        .c_defect("11.8"),
        test(
            "11.9 a playback that drains ends when its timer stops",
            drain_without_ticks,
        ),
        test(
            "11.9 a drain of several periods is heard whole when its timer stops",
            drain_of_several_periods,
        )
        .c_defect("11.9"),
        test(
            "11.9 a playback that drains waits while its timer pauses",
            drain_during_a_pause,
        ),
        test("11.10 Rate Shift does nothing to ticks", no_shift),
        test(
            "11.11 a PCM timer of the own card: the whole stream",
            own_timer,
        ),
        test(
            "11.11 a PCM timer of another card: the whole stream",
            other_card,
        ),
        test("11.6 one side is closed while ticks arrive", close_one_side),
        test(
            "17.10 sides are closed and opened while ticks arrive",
            close_often,
        ),
        test(
            "7.12 without ticks a blocked transfer is EIO, and goes on later",
            no_ticks,
        ),
        test(
            "7.12 without ticks a DRAIN is EIO, and ends",
            no_ticks_to_drain,
        ),
        test(
            "11.1 afterwards the cable runs by the clock of the system",
            afterwards,
        ),
    ]
}

fn started(ctx: &Context, which: Cable, cfg: &Config) -> Result<(Pcm, Pcm), Fail> {
    let (mut play, rec) = which.open(ctx, cfg, cfg)?;
    play.write(&cfg.signal(cfg.buffer(), 110), 0, cfg.buffer())?;
    rec.start()?;
    play.start()?;
    Ok((play, rec))
}

/// Plays a stream through `CABLE` and checks each position on the way.
fn through(ctx: &Context, cfg: &Config) -> Outcome {
    unless_stalled(|| {
        let mut session = Session::open(ctx, CABLE, cfg, cfg.signal(cfg.buffer() * 3 / 2, 111))?;
        session.run()?;
        for pcm in [&session.play, &session.rec] {
            let at = pcm.status()?.hw_ptr;
            let period = u64::from(cfg.period);
            check!(at > 0 && at % period == 0, "position {at}, period {period}");
        }
        session.verify(Expect::Whole)
    })
}
