// SPDX-License-Identifier: GPL-2.0

//! The comparison itself: it must find each kind of damage.

use support::check;
use support::check_eq;
use support::ktap::Outcome;
use support::ktap::Test;
use support::signal::compare;
use support::signal::Audio;
use support::signal::Expect;
use support::signal::DSD_U16_BE;
use support::signal::S16_LE;

const FRAMES: usize = 3000;

pub fn tests() -> Vec<Test> {
    vec![Test::new(
        "comparator",
        "the comparison finds damage",
        |_| {
            damage(false)?;
            damage(true)
        },
    )]
}

fn damage(planar: bool) -> Outcome {
    for format in [S16_LE, DSD_U16_BE] {
        let source = Audio::signal(format, 2, planar, FRAMES, 1);
        let silence = Audio::silent(format, 2, planar, FRAMES);
        // Silence, then the given ranges of the source, then silence.
        let recording = |parts: &[(usize, usize)]| {
            let mut r = silence.clone();
            for &(from, to) in parts {
                r.append(&source, from..to);
            }
            r.append(&silence, 0..FRAMES);
            r
        };
        let good = recording(&[(0, FRAMES)]);
        check_eq!(
            "good",
            compare(&source, &good, Expect::Whole),
            Ok((FRAMES, 0))
        );
        let late = recording(&[(7, FRAMES)]);
        check_eq!(
            "late",
            compare(&source, &late, Expect::Tail),
            Ok((FRAMES, 0))
        );

        let mut altered = good.clone();
        altered.planes[0][(FRAMES + 1234) * source.unit] ^= 1;
        let mut noise = good.clone();
        noise.planes[0][(2 * FRAMES + 100) * source.unit] ^= 1;
        let mut gap = recording(&[(0, 1000)]);
        gap.append(&source, 1000..FRAMES);
        gap.append(&silence, 0..FRAMES);
        check_eq!(
            "gap",
            compare(&source, &gap, Expect::WithPauses),
            Ok((FRAMES, 1))
        );

        let cases = [
            ("altered", altered, "altered"),
            (
                "dropped",
                recording(&[(0, 1000), (1001, FRAMES)]),
                "1 frames are missing",
            ),
            (
                "doubled",
                recording(&[(0, 1001), (1000, FRAMES)]),
                "come again",
            ),
            ("cut", recording(&[(0, 2990)]), "silence for"),
            ("late start", late, "7 frames are missing"),
            ("noise after the end", noise, "after the last source frame"),
            ("a gap", gap, "silence for 3000 frames"),
            ("nothing", silence.clone(), "no sound"),
            (
                "twice",
                recording(&[(0, FRAMES), (0, FRAMES)]),
                "after the last source frame",
            ),
        ];
        for (what, recording, want) in cases {
            match compare(&source, &recording, Expect::Whole) {
                Ok(_) => check!(false, "{what}: not found"),
                Err(text) => check!(text.contains(want), "{what}: reported as: {text}"),
            }
        }
    }
    Ok(())
}
