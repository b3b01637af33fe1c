// SPDX-License-Identifier: GPL-2.0

//! Callbacks of streams, played through as events: they take no more than their share of the time,
//! and those that take less are not held up.

use crate::duty::charge;
use crate::duty::is_rare;
use crate::duty::Account;
use crate::duty::Duty;
use crate::units::Delta;
use crate::units::Instant;
use proptest::prelude::*;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const SECOND: u64 = 1_000_000_000;

/// What the account of some streams owes that no turns are taken yet.
const BURST: u64 = 1_000_000;

/// What turns are multiples of.
const GRID: u64 = 250_000;

/// What a callback costs, with what is around it.
fn cost(length: u64) -> u64 {
    length + length.min(4_000) + 1_000
}

/// The account of some streams.
struct Test {
    paid_at: Cell<Instant>,
    forgiven_at: Cell<Instant>,
    streams: u64,
}

impl Test {
    fn new(streams: u64) -> Self {
        Self {
            paid_at: Cell::new(Instant::START),
            forgiven_at: Cell::new(Instant::START),
            streams,
        }
    }
}

impl Account for Test {
    fn paid_at(&self) -> Instant {
        self.paid_at.get()
    }

    fn charge(&self, now: Instant, cost: Delta) -> Instant {
        self.paid_at.replace(charge(self.paid_at.get(), now, cost))
    }

    fn refund(&self, cost: Delta) {
        let Instant(paid_at) = self.paid_at.get();
        self.paid_at.set(Instant(paid_at - 2 * cost.0));
    }

    fn forgive(&self, ended: Instant, length: Delta) -> bool {
        let forgives = is_rare(self.forgiven_at.get(), ended, length);
        if forgives {
            self.forgiven_at.set(ended);
        }
        forgives
    }

    fn streams(&self) -> u64 {
        self.streams
    }
}

/// A stream: the length of its periods, and how long its callbacks take, in turn.
#[derive(Clone, Debug)]
struct Stream {
    period: u64,
    lengths: Vec<u64>,
}

/// What came of a stream.
#[derive(Clone, Debug, Default)]
struct Outcome {
    /// How long its callbacks took.
    took: u64,
    /// And what they cost.
    cost: u64,
    /// How many there were.
    callbacks: u64,
    /// How late the latest of them came.
    late: u64,
}

/// Lets streams run from 0 to `end`, on as many processors as they like. Returns what came of each
/// from `start` on.
fn run(streams: &[Stream], start: u64, end: u64) -> Vec<Outcome> {
    let account = Test::new(streams.len() as u64);
    let mut outcomes = vec![Outcome::default(); streams.len()];
    let mut duties = vec![(Duty::NEW, 0); streams.len()];
    // When the timer of each expires, and when its callback is due.
    let mut next: BinaryHeap<_> = streams
        .iter()
        .enumerate()
        .map(|(index, stream)| Reverse((stream.period, index, stream.period)))
        .collect();
    while let Some(Reverse((begun, index, due))) = next.pop() {
        if begun >= end {
            break;
        }
        let (stream, outcome, (duty, number)) =
            (&streams[index], &mut outcomes[index], &mut duties[index]);
        duty.expired(Instant(begun), &account);
        if duty.is_put_off(Instant(begun)) {
            assert!(duty.until().0 > begun);
            next.push(Reverse((duty.until().0, index, due)));
            continue;
        }
        let length = stream.lengths[*number % stream.lengths.len()];
        let ended = begun + length;
        *number += 1;
        duty.rest(Some(Delta(length)), Instant(ended), &account);
        let free = duty.until().0;
        if begun >= start {
            outcome.took += length;
            outcome.cost += cost(length);
            outcome.callbacks += 1;
            outcome.late = outcome.late.max(begun - due);
        }
        // Periods that have ended meanwhile are told of together.
        let due = (ended / stream.period + 1) * stream.period;
        duty.armed(Instant(due.max(free)), &account);
        next.push(Reverse((due.max(free), index, due)));
    }
    outcomes
}

/// Lengths of callbacks that vary.
fn lengths(most: u64) -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(prop_oneof![most / 200..most / 100, most / 200..most], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However short the periods and long the callbacks, be it only some of them: they take a
    /// quarter of the time, and a hundredth that is forgiven.
    #[test]
    fn a_quarter(period in 1_000_u64..500_000, lengths in lengths(2_000_000)) {
        let (start, end) = (SECOND, 4 * SECOND);
        // The mean lags behind by some callbacks.
        let longest = *lengths.iter().max().unwrap_or(&0);
        let outcome = &run(&[Stream { period, lengths }], start, end)[0];
        let most = (end - start) * 26 / 100 + 16 * longest;
        prop_assert!(outcome.took <= most, "{outcome:?} of {}", end - start);
    }

    /// However many streams: they cost half of a processor.
    #[test]
    fn a_half(streams in proptest::collection::vec(
        (1_000_u64..500_000, prop_oneof![lengths(20_000), lengths(400_000)])
            .prop_map(|(period, lengths)| Stream { period, lengths }),
        2..60,
    )) {
        let (start, end) = (SECOND, 2 * SECOND);
        let outcomes = run(&streams, start, end);
        let took: u64 = outcomes.iter().map(|one| one.cost).sum();
        let lag: u64 = streams.iter().flat_map(|one| one.lengths.iter().max()).sum::<u64>() * 16;
        // A hundredth is forgiven, at the most.
        let forgiven = (end - start) / 100;
        let most = (end - start) / 2 + lag + forgiven;
        prop_assert!(took <= most, "{took} ns of {}", end - start);
    }

    /// Streams whose callbacks are all of a length take half of a processor, and nothing is
    /// forgiven.
    #[test]
    fn a_half_to_the_point(
        period in 1_000_u64..500_000,
        length in 1_000_u64..80_000,
        many in 3_usize..100,
    ) {
        let (start, end) = (SECOND, 2 * SECOND);
        let stream = Stream { period, lengths: vec![length] };
        let outcomes = run(&vec![stream; many], start, end);
        let took: u64 = outcomes.iter().map(|one| one.cost).sum();
        // The mean is rounded down, by less than 8 ns.
        let callbacks: u64 = outcomes.iter().map(|one| one.callbacks).sum();
        let most = (end - start) / 2 + 2 * many as u64 * length + 8 * callbacks;
        prop_assert!(took <= most, "{took} ns of {}", end - start);
        // None is passed over: none waits longer than three times what all take, on the grid, after
        // the end of a period.
        let longest = 3 * many as u64 * cost(length) + GRID + period + length;
        let fewest = outcomes.iter().map(|one| one.callbacks).min().unwrap_or(0);
        prop_assert!(fewest + 1 >= (end - start) / longest, "{fewest} callbacks, {longest} ns");
    }

    /// Streams whose callbacks take a fifth of a period, or less, are called on time, if periods
    /// are so long that what is around a callback, 5 us, does not matter: with their rests these
    /// last four fifths of a period, and 15 us.
    #[test]
    fn little_is_not_held_up(period in 75_000_u64..5_000_000, part in 5_u64..100) {
        let length = period / part;
        let late = run(&[Stream { period, lengths: vec![length] }], 0, SECOND)[0].late;
        prop_assert_eq!(late, 0);
    }

    /// Nor are many, if they take two fifths of a processor together, even if all their periods end
    /// at once.
    #[test]
    fn many_are_not_held_up(
        length in 1_000_u64..8_000,
        many in 3_u64..60,
        spare in 0_u64..100_000,
    ) {
        // What they cost at once does not make them take turns.
        let many = many.min(BURST / (2 * cost(length)));
        let period = 2 * cost(length) * many + 3 * cost(length) + spare;
        let stream = Stream { period, lengths: vec![length] };
        for outcome in run(&vec![stream; many as usize], 0, SECOND) {
            prop_assert_eq!(outcome.late, 0);
        }
    }

    /// A stream that takes little does not wait as those do that take much.
    #[test]
    fn little_beside_much(length in 1_000_u64..5_000, many in 1_u64..30) {
        // It waits for as long as if all were like it, rested three times as long, and all at the
        // next turn.
        let most = length + 3 * cost(length) * (many + 1) + GRID;
        let period = 50_000;
        let mut streams = vec![Stream { period: 50_000, lengths: vec![400_000] }; many as usize];
        streams.push(Stream { period, lengths: vec![length] });
        let outcomes = run(&streams, 0, SECOND);
        let late = outcomes.last().map_or(u64::MAX, |one| one.late);
        prop_assert!(late <= most, "{late} ns late, {most} at most");
    }

    /// A virtual machine that stands still in a callback, however long: the stream is not held up
    /// by that.
    #[test]
    fn a_stall_is_forgiven(length in 0_u64..50_000, stall in 200_000..100 * SECOND) {
        let account = Test::new(1);
        let mut duty = Duty::NEW;
        // It has been up for some time.
        let mut now = 100 * stall;
        let mut usual = 0;
        for _ in 0..100 {
            now += length;
            duty.rest(Some(Delta(length)), Instant(now), &account);
            usual = duty.until().0 - now;
            now += 1_000_000;
        }
        now += stall;
        duty.rest(Some(Delta(stall)), Instant(now), &account);
        prop_assert_eq!(duty.until().0 - now, usual);
        // The next one, soon after, is not.
        now += stall;
        duty.rest(Some(Delta(stall)), Instant(now), &account);
        prop_assert!(duty.until().0 - now > usual);
    }

    /// Nothing of it panics, and no rest is endless.
    #[test]
    fn saturates(
        times in proptest::collection::vec(any::<(u64, u64)>(), 1..20),
        paid_at: u64,
        streams: u64,
    ) {
        let mut duty = Duty::NEW;
        for streams in [streams % 1025, streams] {
            let account = Test { paid_at: Cell::new(Instant(paid_at)), ..Test::new(streams) };
            for &(begun, ended) in &times {
                duty.expired(Instant(begun), &account);
                prop_assert!(!duty.is_put_off(Instant(begun)) || duty.until().0 > begun);
                duty.rest(ended.checked_sub(begun).map(Delta), Instant(ended), &account);
                let rested = duty.until().0;
                prop_assert!(rested >= ended);
                let longest = 3 * 1024 * cost(100_000_000) + GRID;
                prop_assert!(streams > 1024 || rested - ended <= longest);
                duty.armed(Instant(rested), &account);
            }
        }
    }
}
